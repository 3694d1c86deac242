package profile

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrNewer is the cause of Decode's error for a profile that a later release
// has written.
var ErrNewer = errors.New("its schema is newer than this program: run the release that wrote it, or a later one")

// errDamaged is the cause of Decode's error for bytes that no release writes.
var errDamaged = errors.New("the stored value is damaged, or something else than Tidemark wrote it")

// Decode reads the stored form of this schema version and of all before it into
// p, whose memory it uses again. It keeps no reference to stored. After an error,
// which wraps ErrNewer where a later release is needed, p is a new profile.
//
// What it accepts holds the invariants of a ledger: Append writes it back in
// canonical bytes.
func (p *Profile) Decode(stored []byte) error {
	p.Reset()
	if err := p.decode(stored); err != nil {
		p.Reset()
		return fmt.Errorf("decoding profile: %w", err)
	}
	return nil
}

func (p *Profile) decode(stored []byte) error {
	line, message, err := readLine(stored)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errDamaged)
	}
	p.Segment, p.Since, p.Version, p.Next, p.NextAt = line.Segment, line.Since, line.Version, line.Next, line.NextAt
	if err := readSchema(message); err != nil {
		return err
	}
	orders, ok := p.decodeMessage(message)
	if !ok || !p.sound() {
		return fmt.Errorf("%d bytes after the first line: %w", len(message), errDamaged)
	}
	p.own(orders)
	return nil
}

// readSchema looks at the schema version before anything else: what a newer one
// means is unknown, so its fields must not be called damaged.
func readSchema(message []byte) error {
	w := wire{rest: message}
	if !w.next(0) || w.field != fieldSchema {
		return fmt.Errorf("no schema version: %w", errDamaged)
	}
	switch v := w.uint(math.MaxUint32); {
	case w.bad || v == 0:
		return fmt.Errorf("no schema version: %w", errDamaged)
	case v > schema:
		return fmt.Errorf("schema version %d, known up to %d: %w", v, schema, ErrNewer)
	}
	return nil
}

// decodeMessage reads profile.proto's Profile. The orders' ids still point into
// message; it returns their total length.
func (p *Profile) decodeMessage(message []byte) (idBytes int, ok bool) {
	if n := countOrders(message); cap(p.Orders) < n {
		p.Orders = make([]Order, 0, n)
	}
	w := wire{rest: message}
	for w.next(fieldOrders) {
		switch w.field {
		case fieldSchema:
			w.uint(math.MaxUint32)
		case fieldOrders:
			p.Orders = append(p.Orders, Order{})
			o := &p.Orders[len(p.Orders)-1]
			w.check(o.decode(w.bytes()))
			idBytes += len(o.ID)
		case fieldLifetime:
			w.check(p.Lifetime.decode(w.bytes()))
		case fieldFirstSeen:
			p.FirstSeen = w.time()
		case fieldLastSeen:
			p.LastSeen = w.time()
		case fieldFloor:
			p.Floor = w.time()
		case fieldForgottenAt:
			p.ForgottenAt = w.time()
		case fieldForgetID:
			p.ForgetID = w.hash()
		case fieldArmed:
			p.Armed = w.time()
		case fieldMark:
			p.Mark = Mark(w.uint(uint64(Adopted)))
		default:
			w.bad = true
		}
	}
	return idBytes, !w.bad
}

// countOrders finds out how many orders a message has, so that their slice is
// allocated once. Errors are left to the reading proper.
func countOrders(message []byte) (n int) {
	w := wire{rest: message}
	for w.next(fieldOrders) && w.field <= fieldOrders {
		if w.field == fieldOrders {
			n++
			w.bytes()
		} else {
			w.uint(math.MaxUint32)
		}
	}
	return n
}

func (o *Order) decode(message []byte) bool {
	o.Time, o.AmountAt = None, None
	amountAfter := int64(0)
	w := wire{rest: message}
	for w.next(orderRefunds) {
		switch w.field {
		case orderID:
			id := w.bytes()
			o.ID = unsafe.String(unsafe.SliceData(id), len(id)) // until own
		case orderTime:
			o.Time = w.time()
		case orderAmount:
			o.Amount = w.int()
		case orderAmountAfter:
			amountAfter = w.int()
		case orderLastAfter:
			o.LastAt = w.int()
		case orderRefunds:
			o.Refunds = append(o.Refunds, Refund{})
			w.check(o.Refunds[len(o.Refunds)-1].decode(w.bytes()))
		default:
			w.bad = true
		}
	}
	if o.Purchased() {
		// A sum beyond int64 turns negative, which sound finds.
		o.AmountAt, o.LastAt = o.Time+amountAfter, o.Time+o.LastAt
	}
	o.cache()
	return !w.bad && (o.Purchased() || amountAfter == 0)
}

func (r *Refund) decode(message []byte) bool {
	w := wire{rest: message}
	for w.next(0) {
		switch w.field {
		case refundID:
			r.ID = w.hash()
		case refundAmount:
			r.Amount = w.int()
		case refundWhole:
			r.Whole = w.uint(1) == 1
		default:
			w.bad = true
		}
	}
	return !w.bad
}

func (l *Lifetime) decode(message []byte) bool {
	l.First, l.Last = 0, 0
	w := wire{rest: message}
	for w.next(0) {
		switch w.field {
		case lifetimeOrders:
			l.Orders = w.int()
		case lifetimeAmount:
			l.Amount = w.int()
		case lifetimeFirstDayAmount:
			l.FirstDayAmount = w.int()
		case lifetimeDays:
			w.check(l.decodeDays(w.bytes()))
		case lifetimeFirst:
			l.First = w.int()
		case lifetimeLast:
			l.Last = w.int()
		default:
			w.bad = true
		}
	}
	return !w.bad
}

func (l *Lifetime) decodeDays(packed []byte) bool {
	l.Days = make([]int32, 0, len(packed))
	day := uint64(0)
	for len(packed) > 0 {
		step, n := protowire.ConsumeVarint(packed)
		if n < 0 || step > math.MaxInt32-day {
			return false
		}
		day += step
		l.Days = append(l.Days, int32(day))
		packed = packed[n:]
	}
	return true
}

// own gives the orders' ids memory of their own, in one piece: they are loaded
// and dropped together.
func (p *Profile) own(idBytes int) {
	var ids strings.Builder
	ids.Grow(idBytes)
	for i := range p.Orders {
		o, from := &p.Orders[i], ids.Len()
		ids.WriteString(o.ID)
		o.ID = ids.String()[from:]
	}
}
