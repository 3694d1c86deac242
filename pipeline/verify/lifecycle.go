package verify

import "slices"

// state is a segment of the lifecycle.
type state uint8

const (
	nobody state = iota // no segment
	loyal
	potential
	edge
	churned
	states
)

var stateNames = [states]string{"", "loyal", "potential", "edge", "churned"}

// String is the name in changes; empty for nobody.
func (s state) String() string { return stateNames[s] }

// parseState finds a state by its name.
func parseState(name string) (state, bool) {
	i := slices.Index(stateNames[:], name)
	return state(max(i, 0)), i > 0
}

// lastOrder is the time of the latest counted order, in the ledger or folded.
func (p *person) lastOrder() int64 {
	for i := len(p.orders) - 1; i >= 0; i-- {
		if p.orders[i].counts() {
			return max(p.orders[i].at, p.past.last)
		}
	}
	return p.past.last
}

// window is F and M of the window that ends at t.
func (p *person) window(r *rules, t int64) (orders, monetary int64) {
	for i := len(p.orders) - 1; i >= 0; i-- {
		o := &p.orders[i]
		if o.at == none || o.at <= t-r.window {
			break
		}
		if o.at <= t && o.counts() {
			orders++
			monetary = add(monetary, o.net())
		}
	}
	return orders, monetary
}

// at is the contract's table.
func (p *person) at(r *rules, t int64) state {
	if p.first == none {
		return nobody
	}
	idle := t - p.last
	last := p.lastOrder()
	if last == none {
		switch {
		case idle >= r.prospect:
			return churned
		case idle >= r.engaged:
			return edge
		}
		return potential
	}
	recency := t - last
	switch {
	case recency >= r.churn && idle >= r.engaged:
		return churned
	case recency >= r.active:
		return edge
	}
	if orders, _ := p.window(r, t); orders >= int64(r.loyal) {
		return loyal
	}
	return potential
}

// deadline tries the instants at which the table can give something else.
func (p *person) deadline(r *rules, t int64) (int64, state) {
	now := p.at(r, t)
	if now == nobody || now == churned {
		return none, nobody
	}
	instants := []int64{p.last + r.engaged, p.last + r.prospect}
	if last := p.lastOrder(); last != none {
		instants = append(instants, last+r.active, last+r.churn)
	}
	if now == loyal {
		instants = append(instants, p.loyalUntil(r))
	}
	slices.Sort(instants)
	for _, at := range instants {
		if at > t {
			if then := p.at(r, at); then != now {
				return at, then
			}
		}
	}
	return none, nobody
}

// loyalUntil is when the order that is one too few leaves the window.
func (p *person) loyalUntil(r *rules) int64 {
	missing := r.loyal
	for i := len(p.orders) - 1; i >= 0; i-- {
		if p.orders[i].counts() {
			if missing--; missing == 0 {
				return p.orders[i].at + r.window
			}
		}
	}
	return none
}

// look evaluates him at an instant; it reports whether he moved.
func (p *person) look(r *rules, at int64) bool {
	from := p.segment
	p.segment = p.at(r, at)
	p.nextAt, p.next = p.deadline(r, at)
	if p.segment == from {
		return false
	}
	p.since = at
	if p.segment == nobody {
		p.since = none
	}
	return true
}

// pass lets time pass in silence up to stream time s.
func (p *person) pass(r *rules, s int64) {
	for p.nextAt != none && p.nextAt <= s {
		p.look(r, p.nextAt)
	}
	p.expire(r, s)
}
