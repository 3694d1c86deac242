package profile

import (
	"bytes"
	"math"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tidemark/tidemark/pkg/event"
)

// never is later than every time.
const never = math.MaxInt64

// few is the number of orders up to which comparing ids is as fast as looking
// through their prints.
const few = 8

// find returns the place of an order, or -1. A customer with hundreds of orders
// must cost about as much as one with five, so from few orders on one byte of
// each id's hash stands in a slice of its own, where IndexByte passes dozens at
// a time; about one id in 256 is then compared in vain.
func (p *Profile) find(id string) int {
	if len(p.Orders) <= few {
		return p.findAmongFew(id)
	}
	if len(p.prints) != len(p.Orders) {
		p.print()
	}
	want := fingerprint(id)
	for from := 0; ; {
		i := bytes.IndexByte(p.prints[from:], want)
		if i < 0 {
			return -1
		}
		if p.Orders[from+i].ID == id {
			return from + i
		}
		from += i + 1
	}
}

// findAmongFew looks at the newest orders first: events mostly name those.
func (p *Profile) findAmongFew(id string) int {
	for i := len(p.Orders) - 1; i >= 0; i-- {
		if p.Orders[i].ID == id {
			return i
		}
	}
	return -1
}

// print takes every order's fingerprint. From then on insert, moveToPlace and
// remove keep them; whoever changes the orders otherwise empties them.
func (p *Profile) print() {
	p.prints = p.prints[:0]
	for i := range p.Orders {
		p.prints = append(p.prints, fingerprint(p.Orders[i].ID))
	}
}

func fingerprint(id string) byte { return byte(xxhash.Sum64String(id)) }

// insert adds an order that its first event, a purchase or a refund, brings and
// returns its place.
func (p *Profile) insert(id string, ev *event.Event) int {
	o := Order{ID: strings.Clone(id), Time: None, AmountAt: None, LastAt: ev.Time}
	if ev.Type == event.Purchase {
		o.Time, o.Amount, o.AmountAt = ev.Time, ev.Amount, ev.Time
	}
	p.earliest = min(p.earliest, ev.Time)
	if len(p.Orders) == 0 {
		p.earliest = ev.Time
	}
	p.Orders = append(p.Orders, o)
	if len(p.prints) > 0 {
		p.prints = append(p.prints, fingerprint(id))
	}
	return p.moveToPlace(len(p.Orders) - 1)
}

// moveToPlace moves the order at i, whose time has changed, to where the
// canonical order wants it, and returns its new place.
func (p *Profile) moveToPlace(i int) int {
	o, last := p.Orders[i], len(p.Orders)-1
	var j int
	switch {
	case i > 0 && less(&o, &p.Orders[i-1]):
		j = p.place(&o, 0, i)
	case i < last && less(&p.Orders[i+1], &o):
		j = p.place(&o, i+1, last+1) - 1
	default:
		return i
	}
	rotate(p.Orders, i, j)
	if len(p.prints) > 0 {
		rotate(p.prints, i, j)
	}
	return j
}

// place returns where o belongs among the orders in [lo, hi).
func (p *Profile) place(o *Order, lo, hi int) int {
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if less(&p.Orders[mid], o) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// rotate moves the element at i to j and those between by one.
func rotate[E any](s []E, i, j int) {
	e := s[i]
	if i < j {
		copy(s[i:j], s[i+1:j+1])
	} else {
		copy(s[j+1:i+1], s[j:i])
	}
	s[j] = e
}

// less is the canonical order of a ledger.
func less(a, b *Order) bool {
	if a.Time != b.Time {
		return a.Time < b.Time
	}
	return a.ID < b.ID
}

// waiting returns the number of orders without a purchase. They come first.
func (p *Profile) waiting() int {
	lo, hi := 0, len(p.Orders)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if p.Orders[mid].Purchased() {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// remove takes out the order at i. It is near the front: what stands before it
// moves up and the slice begins later, so that a customer at the limit of his
// ledger does not move all of it with every purchase.
func (p *Profile) remove(i int) {
	copy(p.Orders[1:i+1], p.Orders[:i])
	p.Orders[0] = Order{} // lets go of its memory
	p.Orders = p.Orders[1:]
	if len(p.prints) > 0 {
		copy(p.prints[1:i+1], p.prints[:i])
		p.prints = p.prints[1:]
	}
}
