package profile

import (
	"github.com/cespare/xxhash/v2"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Outcome says what an event did to a profile.
type Outcome uint8

const (
	// Applied means: the event is in the ledger (a copy of one that already was, too).
	Applied Outcome = iota
	// Erased means: at or before the erasure, or the same erasure again.
	Erased
	// BelowFloor means: at or before an order that was folded early.
	BelowFloor
	// Stale means: older than the horizon and the grace allow.
	Stale
)

// String returns the outcome's name in metrics and traces.
func (o Outcome) String() string {
	switch o {
	case Applied:
		return "applied"
	case Erased:
		return "erased"
	case BelowFloor:
		return "below_floor"
	case Stale:
		return "stale"
	}
	return ""
}

// Apply folds one event into the ledger at stream time s, to which Expire has
// brought the profile. Any order of a customer's events inside the horizon, with
// any repetition, leads to the same ledger, erasures and floors apart.
//
// A forget erases the ledger and leaves the published state for the caller,
// who has to publish the segment's end. Nothing of ev is kept but copies.
func (p *Profile) Apply(ev *event.Event, s int64, pol *policy.Policy) Outcome {
	if outcome := p.judge(ev, s, pol.Horizon()); outcome != Applied {
		return outcome
	}
	switch ev.Type {
	case event.Purchase:
		p.see(ev.Time)
		p.purchase(ev)
		p.foldExcess(pol.MaxLedgerOrders)
	case event.Refund:
		p.refund(ev)
	case event.Click:
		p.see(ev.Time)
	case event.Forget:
		p.forget(ev, s)
	}
	return Applied
}

// judge decides whether an event has an effect. Comparisons with an absent
// time are false by None's smallness.
func (p *Profile) judge(ev *event.Event, s, horizon int64) Outcome {
	forget := ev.Type == event.Forget
	switch {
	case ev.Time <= p.ForgottenAt:
		return Erased
	case forget && p.ForgottenAt != None && xxhash.Sum64String(ev.ID) == p.ForgetID:
		return Erased // a redelivery that the broker stamped with a later time
	case ev.Time <= p.Floor:
		return BelowFloor
	case !forget && ev.Time <= s-horizon-policy.Grace && !planted.StaleApplied.On():
		return Stale
	}
	return Applied
}

// see widens the time in which the customer was seen.
func (p *Profile) see(t int64) {
	if p.FirstSeen == None || t < p.FirstSeen {
		p.FirstSeen = t
	}
	if t < p.LastSeen && planted.LastSeenBack.On() {
		p.LastSeen = t
	}
	p.LastSeen = max(p.LastSeen, t)
}

// purchase adds an order or updates it: the latest event gives the amount (of
// equal times the greater one), the earliest gives the order's time.
func (p *Profile) purchase(ev *event.Event) {
	id := ev.OrderID
	if id == "" {
		id = ev.ID // the contract's default
	}
	i := p.find(id)
	if i < 0 {
		p.insert(id, ev)
		return
	}
	o := &p.Orders[i]
	if ev.Time > o.AmountAt || ev.Time == o.AmountAt && (ev.Amount > o.Amount || planted.LastCopyWins.On()) {
		o.Amount, o.AmountAt = ev.Amount, ev.Time
	}
	o.LastAt = max(o.LastAt, ev.Time)
	if o.Time == None || ev.Time < o.Time {
		o.Time = ev.Time
		p.moveToPlace(i)
	}
}

// refund books a refund with its order, which it may precede: then it waits
// in an order without a purchase.
func (p *Profile) refund(ev *event.Event) {
	i := p.find(ev.OrderID)
	if i < 0 {
		i = p.insert(ev.OrderID, ev)
	}
	o := &p.Orders[i]
	o.LastAt = max(o.LastAt, ev.Time)
	o.refund(xxhash.Sum64String(ev.ID), ev.Amount, ev.Whole)
}

// foldExcess folds the oldest orders early while more than limit have a
// purchase, and raises the floor to them: an event at or before it could belong
// to an order that the ledger no longer knows.
func (p *Profile) foldExcess(limit int) {
	if len(p.Orders) <= limit {
		return
	}
	waiting := p.waiting()
	for len(p.Orders)-waiting > limit {
		o := &p.Orders[waiting]
		if !planted.FloorForgotten.On() {
			p.Floor = max(p.Floor, o.Time)
		}
		p.Lifetime.fold(o)
		p.remove(waiting)
	}
}

// forget erases the ledger and leaves a tombstone.
func (p *Profile) forget(ev *event.Event, s int64) {
	clear(p.Orders)
	p.Orders, p.prints = p.Orders[:0], p.prints[:0]
	p.Lifetime = Lifetime{First: None, Last: None}
	p.FirstSeen, p.LastSeen, p.Floor = None, None, None
	p.ForgottenAt, p.ForgetID = s, xxhash.Sum64String(ev.ID)
	if planted.TombstoneForgotten.On() {
		p.ForgottenAt, p.ForgetID = None, 0
	}
	p.earliest = 0
}
