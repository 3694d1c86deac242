package shop

import (
	"fmt"
	"math/bits"
	"strconv"
)

// Line is one line of the shop's log.
type Line struct {
	Value    []byte // without the line's end; valid until the next call of Next
	At       int64  // when it arrives, unix ms: occurred_at, or later for one that is late or delivered again
	Customer uint32 // the k of c-k; 0 for a bad line
	Bad      bool   // meant not to be decodable
}

// Shop produces its lines one by one. It is not safe for concurrent use.
type Shop struct {
	life   life
	noise  noise
	limit  int64 // lines still to come; negative: until the shop closes
	origin int64
	span   int64  // of the shop, real
	lived  int64  // of the shop, natural: what the span stands for, never less
	mark   string // of its ids
	line   []byte
}

// New opens a shop, or says what is wrong with the options.
//
// Where Events is set and the customers would not make that many between From
// and To, their time runs as much faster as it must. To know how much, New
// lives through the whole of it once without writing anything down: it then
// takes a time in proportion to Events.
func New(o Options) (*Shop, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("opening the shop: %w", err)
	}
	s := open(o)
	if o.Events > 0 {
		rehearsal := open(o)
		rehearsal.life.end = never
		var last int64
		for {
			h, _, ok := rehearsal.next()
			if !ok {
				break
			}
			last = max(last, h.at)
		}
		s.lived = max(s.span, last+1)
		s.life.end = never
	}
	return s, nil
}

func open(o Options) *Shop {
	s := &Shop{limit: -1, origin: o.From, span: o.To - o.From, lived: o.To - o.From}
	if o.Events > 0 {
		s.limit = o.Events
	}
	if o.Signed {
		s.mark = strconv.FormatUint(o.Seed, 10) + "-"
	}
	s.life.open(o)
	s.noise.open(o)
	return s
}

// Next is the next line, or false when there are no more.
func (s *Shop) Next() (Line, bool) {
	h, at, ok := s.next()
	if !ok {
		return Line{}, false
	}
	s.line = h.append(s.line[:0], s.mark, s.real(h.at))
	line := Line{Value: s.line, At: s.real(at), Bad: h.kind == bad}
	if !line.Bad {
		line.Customer = h.customer + 1
	}
	return line, true
}

// real turns natural time into unix ms. Natural time is what the model's rates
// mean, from 0 on; it is only ever pressed together, never stretched, so that
// the clicks of a visit stay together.
func (s *Shop) real(at int64) int64 {
	if s.lived == s.span {
		return s.origin + at
	}
	high, low := bits.Mul64(uint64(at), uint64(s.span))
	quotient, _ := bits.Div64(high, low, uint64(s.lived))
	return s.origin + int64(quotient)
}

// next is the next happening and the natural time at which it arrives.
func (s *Shop) next() (h happening, at int64, ok bool) {
	spoiled := s.noise.spoils()
	for s.limit != 0 {
		now, living := s.life.ahead()
		due, waiting := s.noise.ahead(now)
		if !living && !waiting {
			break
		}
		fromNoise := waiting && (!living || due <= now)
		at = now
		if fromNoise {
			at = due
		}
		switch {
		case spoiled:
			h = s.noise.spoil(at)
		case fromNoise:
			h = s.noise.release()
		default:
			h = s.life.step()
			if s.noise.keeps(h) {
				continue
			}
		}
		s.limit--
		return h, at, true
	}
	return happening{}, 0, false
}
