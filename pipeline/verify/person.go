package verify

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tidemark/tidemark/pkg/event"
)

// fact is one accepted event of a customer.
type fact struct {
	kind   event.Type
	whole  bool  // a refund of the whole order
	silent bool  // consumed, as far as the log tells, before anything was published
	topic  uint8 // number among the shard's inputs, of which a configuration has no more
	epoch  int32 // number of published positions before it

	offset int64
	at     int64 // event time
	least  int64 // the stream time is not less when it is applied; after a replay it is exactly that
	amount int64
	id     string
	order  string
}

func (f *fact) forgets() bool { return f.kind == event.Forget }

// order is everything known about one order inside the horizon.
type order struct {
	id       string
	at       int64 // earliest purchase; none: only refunds came
	amount   int64
	amountAt int64 // of the purchase that gave the amount
	latest   int64 // event of any kind
	refunds  []refund
}

type refund struct {
	id     uint64 // hash of the event's id
	amount int64
	whole  bool
}

// net is what an order is worth.
func (o *order) net() int64 {
	var back int64
	for i := range o.refunds {
		if o.refunds[i].whole {
			return 0
		}
		back = add(back, o.refunds[i].amount)
	}
	return max(o.amount-back, 0)
}

// counts reports whether it makes a buyer.
func (o *order) counts() bool {
	if o.at == none {
		return false
	}
	return o.net() > 0 || o.amount == 0 && len(o.refunds) == 0
}

// lifetime sums up counted orders that were folded.
type lifetime struct {
	orders, amount int64
	firstDay       int64 // amount of the first of the days
	days           []int64
	first, last    int64
}

// person is one customer: the ledger, and where he stands as readers see it.
type person struct {
	orders      []order // by time and then id
	past        lifetime
	first, last int64 // seen
	floor       int64
	forgottenAt int64
	forgetID    uint64
	dropped     int64 // refunds that waited in vain

	segment state
	since   int64
	version int64
	next    state
	nextAt  int64
}

func newPerson() person {
	return person{past: lifetime{first: none, last: none}, first: none, last: none, floor: none,
		forgottenAt: none, since: none, nextAt: none}
}

// clone returns a copy that shares nothing that is ever changed in place.
func (p *person) clone() person {
	c := *p
	c.orders = slices.Clone(p.orders)
	for i := range c.orders {
		c.orders[i].refunds = slices.Clone(c.orders[i].refunds)
	}
	c.past.days = slices.Clone(p.past.days)
	return c
}

// empty reports that nothing is left to keep about him.
func (p *person) empty() bool {
	return len(p.orders) == 0 && p.past.orders == 0 && p.first == none && p.floor == none &&
		p.forgottenAt == none && p.segment == nobody && p.version == 0
}

// outcome is what became of an accepted event.
type outcome uint8

const (
	applied outcome = iota
	erased
	belowFloor
	stale
	outcomes
)

var outcomeNames = [outcomes]string{"applied", "erased", "below_floor", "stale"}

// take lets a fact happen at stream time s, to which he has been brought.
func (p *person) take(r *rules, f *fact, s int64) outcome {
	switch {
	case p.forgottenAt != none && f.at <= p.forgottenAt:
		return erased
	case p.forgottenAt != none && f.forgets() && xxhash.Sum64String(f.id) == p.forgetID:
		return erased
	case p.floor != none && f.at <= p.floor:
		return belowFloor
	case !f.forgets() && f.at <= s-r.horizon-grace:
		return stale
	}
	switch f.kind {
	case event.Forget:
		p.erase(f, s)
	case event.Refund:
		p.refund(f)
	default:
		p.see(f.at)
		if f.kind == event.Purchase {
			p.purchase(f)
			p.foldExcess(r)
		}
	}
	return applied
}

func (p *person) see(t int64) {
	if p.first == none || t < p.first {
		p.first = t
	}
	p.last = max(p.last, t)
}

// erase leaves a tombstone and what was published.
func (p *person) erase(f *fact, s int64) {
	fresh := newPerson()
	fresh.segment, fresh.since, fresh.version, fresh.next, fresh.nextAt = p.segment, p.since, p.version, p.next, p.nextAt
	fresh.forgottenAt, fresh.forgetID = s, xxhash.Sum64String(f.id)
	fresh.dropped = p.dropped
	*p = fresh
}

// find returns the order of an event, which may be its first.
func (p *person) find(f *fact) *order {
	for i := range p.orders {
		if p.orders[i].id == f.order {
			return &p.orders[i]
		}
	}
	p.orders = append(p.orders, order{id: f.order, at: none, amountAt: none, latest: none})
	return &p.orders[len(p.orders)-1]
}

func (p *person) purchase(f *fact) {
	o := p.find(f)
	o.latest = max(o.latest, f.at)
	if f.at > o.amountAt || f.at == o.amountAt && f.amount > o.amount {
		o.amount, o.amountAt = f.amount, f.at
	}
	if o.at == none || f.at < o.at {
		o.at = f.at
	}
	p.sort()
}

func (p *person) refund(f *fact) {
	o := p.find(f)
	o.latest = max(o.latest, f.at)
	id := xxhash.Sum64String(f.id)
	i := slices.IndexFunc(o.refunds, func(r refund) bool { return r.id == id })
	if i < 0 {
		i = len(o.refunds)
		o.refunds = append(o.refunds, refund{id: id})
	}
	r := &o.refunds[i]
	switch {
	case r.whole:
	case f.whole:
		r.whole, r.amount = true, 0
	default:
		r.amount = max(r.amount, f.amount)
	}
	p.sort()
}

func (p *person) sort() {
	slices.SortFunc(p.orders, func(a, b order) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
}

// foldExcess folds the oldest orders while there are too many with a purchase.
func (p *person) foldExcess(r *rules) {
	for {
		oldest := slices.IndexFunc(p.orders, func(o order) bool { return o.at != none })
		if oldest < 0 || len(p.orders)-oldest <= r.ledger {
			return
		}
		p.floor = max(p.floor, p.orders[oldest].at)
		p.past.fold(&p.orders[oldest])
		p.orders = slices.Delete(p.orders, oldest, oldest+1)
	}
}

// expire lets end what ends without a word by stream time s.
func (p *person) expire(r *rules, s int64) {
	if p.forgottenAt != none && s >= p.forgottenAt+r.horizon {
		p.forgottenAt, p.forgetID = none, 0
		if p.segment == nobody {
			p.version = 0
		}
	}
	p.orders = slices.DeleteFunc(p.orders, func(o order) bool {
		if s < o.latest+r.horizon+grace {
			return false
		}
		if o.at == none {
			p.dropped += int64(len(o.refunds))
		}
		p.past.fold(&o)
		return true
	})
}

// fold takes in an order that leaves the ledger.
func (l *lifetime) fold(o *order) {
	if !o.counts() {
		return
	}
	l.orders++
	l.amount = add(l.amount, o.net())
	if l.first == none || o.at < l.first {
		l.first = o.at
	}
	l.last = max(l.last, o.at)
	date := min(o.at/day, 1<<31-1)
	i, known := slices.BinarySearch(l.days, date)
	if !known {
		l.days = slices.Insert(l.days, i, date)
		if i == 0 {
			l.firstDay = 0
		}
	}
	if i == 0 {
		l.firstDay = add(l.firstDay, o.net())
	}
}
