package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// mark is why a stored segment cannot be taken at face value.
type mark uint64

const (
	unmarked mark = iota
	pending       // the world has not been told of him since a silent start
	adopted       // taken from what was published before Redis lost it
)

// line is what readers see of a customer: the first line of his value. A null
// is empty.
type line struct {
	Lifecycle string `json:"lifecycle"`
	Since     string `json:"since"`
	Version   int64  `json:"version"`
	Next      string `json:"next"`
	NextAt    string `json:"next_at"`
}

// stored is one customer as Redis has him.
type stored struct {
	line   line
	person person // the ledger, and the version
	armed  int64
	mark   mark
	timer  int64 // in the shard's timers; none: not there
}

var errShape = errors.New("it is not what profile.proto describes")

// parseStored reads a stored value: the line, then protobuf.
func parseStored(value []byte) (*stored, error) {
	first, message, ok := bytes.Cut(value, []byte("\n"))
	if !ok {
		return nil, errors.New("it has no first line")
	}
	s := &stored{person: newPerson(), armed: none, timer: none}
	if err := json.Unmarshal(first, &s.line); err != nil {
		return nil, fmt.Errorf("reading its first line: %w", err)
	}
	if spelled := s.line.append(nil); !bytes.Equal(spelled, first) {
		return nil, fmt.Errorf("its first line is %s, which should be spelled %s", first, spelled)
	}
	s.person.segment, _ = parseState(s.line.Lifecycle)
	s.person.version = s.line.Version
	if err := s.profile(message); err != nil {
		return nil, err
	}
	return s, nil
}

// append writes the line in its one spelling.
func (l *line) append(dst []byte) []byte {
	text := func(name, value string) {
		dst = append(append(append(dst, '"'), name...), `":`...)
		if value == "" {
			dst = append(dst, "null"...)
			return
		}
		dst = appendText(dst, value)
	}
	dst = append(dst, '{')
	text("lifecycle", l.Lifecycle)
	dst = append(dst, ',')
	text("since", l.Since)
	dst = fmt.Appendf(dst, `,"version":%d,`, l.Version)
	text("next", l.Next)
	dst = append(dst, ',')
	text("next_at", l.NextAt)
	return append(dst, '}')
}

// field is one field of a message.
type field struct {
	number protowire.Number
	value  uint64 // of a varint or a fixed64
	bytes  []byte // of a message or a text
}

// fields visits the fields of a message.
func fields(message []byte, visit func(*field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errShape
		}
		message = message[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			n = -1
		}
		if n < 0 {
			return errShape
		}
		message = message[n:]
		if err := visit(&f); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) unknown(message string) error {
	return fmt.Errorf("field %d of %s is unknown: run the release that wrote it", f.number, message)
}

// profile reads the message Profile.
func (s *stored) profile(message []byte) error {
	schema := uint64(0)
	p := &s.person
	err := fields(message, func(f *field) error {
		switch f.number {
		case 1:
			schema = f.value
			if schema > 1 {
				return fmt.Errorf("its schema is %d, known up to 1: run the release that wrote it", schema)
			}
		case 2:
			o, err := parseOrder(f.bytes)
			p.orders = append(p.orders, o)
			return err
		case 3:
			return p.past.parse(f.bytes)
		case 4:
			p.first = int64(f.value)
		case 5:
			p.last = int64(f.value)
		case 6:
			p.floor = int64(f.value)
		case 7:
			p.forgottenAt = int64(f.value)
		case 8:
			p.forgetID = f.value
		case 9:
			s.armed = int64(f.value)
		case 10:
			s.mark = mark(f.value)
		default:
			return f.unknown("Profile")
		}
		return nil
	})
	if err == nil && schema == 0 {
		return fmt.Errorf("it has no schema version: %w", errShape)
	}
	return err
}

// parseOrder reads the message Order. Its later times are counted from the
// first, or from 1970 where there is none.
func parseOrder(message []byte) (order, error) {
	o := order{at: none, amountAt: none}
	var amountAfter, lastAfter int64
	err := fields(message, func(f *field) error {
		switch f.number {
		case 1:
			o.id = string(f.bytes)
		case 2:
			o.at = int64(f.value)
		case 3:
			o.amount = int64(f.value)
		case 4:
			amountAfter = int64(f.value)
		case 5:
			lastAfter = int64(f.value)
		case 6:
			r, err := parseRefund(f.bytes)
			o.refunds = append(o.refunds, r)
			return err
		default:
			return f.unknown("Order")
		}
		return nil
	})
	o.latest = lastAfter
	if o.at != none {
		o.amountAt, o.latest = o.at+amountAfter, o.at+lastAfter
	}
	return o, err
}

func parseRefund(message []byte) (r refund, err error) {
	err = fields(message, func(f *field) error {
		switch f.number {
		case 1:
			r.id = f.value
		case 2:
			r.amount = int64(f.value)
		case 3:
			r.whole = f.value != 0
		default:
			return f.unknown("Refund")
		}
		return nil
	})
	return r, err
}

// parse reads the message Lifetime.
func (l *lifetime) parse(message []byte) error {
	l.first, l.last = 0, 0 // default values are left out
	return fields(message, func(f *field) error {
		switch f.number {
		case 1:
			l.orders = int64(f.value)
		case 2:
			l.amount = int64(f.value)
		case 3:
			l.firstDay = int64(f.value)
		case 4:
			return l.parseDays(f.bytes)
		case 5:
			l.first = int64(f.value)
		case 6:
			l.last = int64(f.value)
		default:
			return f.unknown("Lifetime")
		}
		return nil
	})
}

func (l *lifetime) parseDays(packed []byte) error {
	date := int64(0)
	for len(packed) > 0 {
		step, n := protowire.ConsumeVarint(packed)
		if n < 0 || step > math.MaxInt32 {
			return errShape
		}
		packed = packed[n:]
		date += int64(step)
		l.days = append(l.days, date)
	}
	return nil
}
