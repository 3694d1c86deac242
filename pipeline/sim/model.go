package sim

import (
	"math"
	"math/big"
	"slices"
)

// This file is the contract once more, written to be obviously right and not to
// be fast: a person is a list of facts, and every question is answered by going
// through the list. It shares no code with the packages it judges.

// none is an absent time.
const none int64 = math.MinInt64

// graceAfterHorizon is how long after the horizon an order is folded, in ms.
const graceAfterHorizon = 7 * 24 * 3600 * 1000

// ruleset is the policy in numbers, durations in ms.
type ruleset struct {
	window, horizon                    int64
	active, churn, engaged, prospect   int64
	loyalOrders, ledgerOrders          int
	skew, grace                        int64
	policyName, policyVersion, baseISO string
	decimals                           int
}

// fact is one accepted event of a person.
type fact struct {
	kind   string // purchase, refund, click, forget
	id     string
	order  string
	amount int64
	whole  bool // a refund of the whole order
	at     int64
}

// purchase is what the facts of one order come to.
type purchase struct {
	id     string
	at     int64 // none: only refunds are known
	net    int64
	counts bool
	latest int64 // of its facts

	refunds int
}

// person is everything about one customer.
type person struct {
	facts       []fact // in effect, neither folded nor erased
	folded      []purchase
	first, last int64 // seen
	floor       int64
	forgottenAt int64
	forgetID    string

	segment string // "" for none; as readers see it
	since   int64
	version int64
	next    string
	nextAt  int64
	dropped int  // refunds whose order never came
	pending bool // lived through a silent start and has not been told about
}

func newPerson() *person {
	return &person{first: none, last: none, floor: none, forgottenAt: none, since: none, nextAt: none}
}

// What an accepted event comes to.
const (
	applied    = "applied"
	erased     = "erased"
	belowFloor = "below_floor"
	stale      = "stale"
)

// take lets a fact happen at stream time s.
func (p *person) take(r *ruleset, f fact, s int64) string {
	switch {
	case p.forgottenAt != none && f.at <= p.forgottenAt:
		return erased
	case p.forgottenAt != none && f.kind == "forget" && f.id == p.forgetID:
		return erased
	case p.floor != none && f.at <= p.floor:
		return belowFloor
	case f.kind != "forget" && f.at <= s-r.horizon-graceAfterHorizon:
		return stale
	}
	if f.kind == "forget" {
		p.facts, p.folded = nil, nil
		p.first, p.last, p.floor = none, none, none
		p.forgottenAt, p.forgetID = s, f.id
		return applied
	}
	if f.kind == "purchase" || f.kind == "click" {
		if p.first == none || f.at < p.first {
			p.first = f.at
		}
		p.last = max(p.last, f.at)
	}
	if f.kind != "click" {
		p.facts = append(slices.Clone(p.facts), f)
	}
	p.foldEarly(r)
	return applied
}

// foldEarly folds the oldest orders above the limit.
func (p *person) foldEarly(r *ruleset) {
	for {
		paid := 0
		var oldest *purchase
		for _, o := range p.orders() {
			if o.at == none {
				continue
			}
			paid++
			if oldest == nil || o.at < oldest.at || o.at == oldest.at && o.id < oldest.id {
				oldest = &o
			}
		}
		if paid <= r.ledgerOrders {
			return
		}
		p.floor = max(p.floor, oldest.at)
		p.fold(*oldest)
	}
}

// fold moves an order out of the facts; one without a purchase is dropped.
func (p *person) fold(o purchase) {
	if o.counts {
		p.folded = append(slices.Clone(p.folded), o)
	}
	if o.at == none {
		p.dropped += o.refunds
	}
	p.facts = slices.DeleteFunc(slices.Clone(p.facts), func(f fact) bool { return f.order == o.id })
}

// expire lets pass what ends without a word by stream time s.
func (p *person) expire(r *ruleset, s int64) {
	if p.forgottenAt != none && s >= p.forgottenAt+r.horizon {
		p.forgottenAt, p.forgetID = none, ""
		if p.segment == "" {
			p.version = 0
		}
	}
	for _, o := range p.orders() {
		if s >= o.latest+r.horizon+graceAfterHorizon {
			p.fold(o)
		}
	}
}

// orders puts the facts together, in the order of their first mention.
func (p *person) orders() []purchase {
	var ids []string
	for _, f := range p.facts {
		if !slices.Contains(ids, f.order) {
			ids = append(ids, f.order)
		}
	}
	orders := make([]purchase, 0, len(ids))
	for _, id := range ids {
		orders = append(orders, assemble(id, p.facts))
	}
	return orders
}

// assemble reads one order out of the facts.
func assemble(id string, facts []fact) purchase {
	o := purchase{id: id, at: none, latest: none}
	amount, amountAt := int64(0), none
	refunds := map[string]int64{}
	whole := false
	for _, f := range facts {
		if f.order != id {
			continue
		}
		o.latest = max(o.latest, f.at)
		if f.kind == "refund" {
			refunds[f.id] = max(refunds[f.id], f.amount)
			whole = whole || f.whole
			continue
		}
		if o.at == none || f.at < o.at {
			o.at = f.at
		}
		if f.at > amountAt || f.at == amountAt && f.amount > amount {
			amount, amountAt = f.amount, f.at
		}
	}
	o.refunds = len(refunds)
	if o.at == none {
		return o
	}
	net := big.NewInt(amount)
	for _, r := range refunds {
		net.Sub(net, big.NewInt(r))
	}
	if net.Sign() > 0 && !whole {
		o.net = net.Int64()
	}
	o.counts = o.net > 0 || amount == 0 && len(refunds) == 0
	return o
}

// portrait is what segmentation sees of a person: his facts put together once.
type portrait struct {
	rules       *ruleset
	orders      []purchase // counted, in the window or not
	folded      []purchase
	first, last int64
}

func (p *person) portrait(r *ruleset) portrait {
	v := portrait{rules: r, folded: p.folded, first: p.first, last: p.last}
	for _, o := range p.orders() {
		if o.counts {
			v.orders = append(v.orders, o)
		}
	}
	return v
}

// lastOrder is the time of the latest counted order, none without one.
func (v portrait) lastOrder() int64 {
	last := none
	for _, o := range v.orders {
		last = max(last, o.at)
	}
	for _, o := range v.folded {
		last = max(last, o.at)
	}
	return last
}

// window is F and M at t.
func (v portrait) window(t int64) (orders, monetary int64) {
	sum := new(big.Int)
	for _, o := range v.orders {
		if o.at > t-v.rules.window && o.at <= t {
			orders++
			sum.Add(sum, big.NewInt(o.net))
		}
	}
	if !sum.IsInt64() {
		return orders, math.MaxInt64
	}
	return orders, sum.Int64()
}

// segment is the lifecycle table.
func (v portrait) segment(t int64) string {
	if v.first == none {
		return ""
	}
	idle := t - v.last
	last := v.lastOrder()
	if last == none {
		switch {
		case idle >= v.rules.prospect:
			return "churned"
		case idle >= v.rules.engaged:
			return "edge"
		}
		return "potential"
	}
	recency := t - last
	orders, _ := v.window(t)
	switch {
	case recency >= v.rules.churn && idle >= v.rules.engaged:
		return "churned"
	case recency >= v.rules.active:
		return "edge"
	case orders >= int64(v.rules.loyalOrders):
		return "loyal"
	}
	return "potential"
}

// deadline tries every instant at which anything could change.
func (v portrait) deadline(t int64) (at int64, next string) {
	now := v.segment(t)
	if now == "" {
		return none, ""
	}
	candidates := []int64{v.last + v.rules.engaged, v.last + v.rules.prospect}
	for _, list := range [][]purchase{v.orders, v.folded} {
		for _, o := range list {
			candidates = append(candidates, o.at+v.rules.window, o.at+v.rules.active, o.at+v.rules.churn)
		}
	}
	slices.Sort(candidates)
	for _, c := range candidates {
		if c > t {
			if s := v.segment(c); s != now {
				return c, s
			}
		}
	}
	return none, ""
}
