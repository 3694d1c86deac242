package lifecycle

import (
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// bounds are the instants that one customer's segment depends on, if no event
// arrives. Each state lasts from its instant on, but for loyal, which lasts
// until its own.
type bounds struct {
	churned int64
	edge    int64
	loyal   int64 // the n-th newest counted order leaves the window; None: it has, or there is none
}

// at returns the segment at t: the first row of the contract's table that
// matches.
func (b bounds) at(t int64) segment.Segment {
	switch {
	case t >= b.churned:
		return segment.Churned
	case t >= b.edge:
		return segment.Edge
	case t < b.loyal:
		return segment.Loyal
	}
	return segment.Potential
}

// after returns the instant at which a segment ends. Rows above a segment's own
// only begin to match with time, so the first that does ends it, whatever the
// policy's numbers.
func (b bounds) after(s segment.Segment) int64 {
	switch s {
	case segment.Loyal:
		return min(b.loyal, b.edge, b.churned)
	case segment.Potential:
		return min(b.edge, b.churned)
	case segment.Edge:
		return b.churned
	}
	return profile.None
}

// bounds finds the customer's instants. The one for loyal is looked for only
// where it can matter at t or later.
func (r Rules) bounds(p *profile.Profile, t int64) bounds {
	last := p.LastOrder()
	if last == profile.None {
		return bounds{
			churned: p.LastSeen + r.prospectChurnAfter,
			edge:    p.LastSeen + r.engagedWithin,
			loyal:   profile.None,
		}
	}
	b := bounds{
		churned: max(last+r.churnAfter, p.LastSeen+r.engagedWithin),
		edge:    last + r.activeWithin,
		loyal:   profile.None,
	}
	if b.churned > last+r.churnAfter && planted.BrowserChurned.On() {
		b.churned = last + r.churnAfter
	}
	if t < min(b.churned, b.edge) {
		b.loyal = r.loyalUntil(p, t)
	}
	return b
}

// loyalUntil returns the instant at which the counted orders in the window fall
// below the number that makes a loyal customer, None where they are below it.
func (r Rules) loyalUntil(p *profile.Profile, t int64) int64 {
	missing := r.loyalOrders
	for i := len(p.Orders) - 1; i >= 0; i-- {
		o := &p.Orders[i]
		if !o.Purchased() || o.Time <= t-r.window {
			return profile.None
		}
		if o.Counts() {
			if missing--; missing == 0 {
				return o.Time + r.window
			}
		}
	}
	return profile.None
}
