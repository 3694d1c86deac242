package profile

import (
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Expire brings the ledger to stream time s: it drops a tombstone that is over,
// folds every order whose time has come into the lifetime totals and drops the
// refunds that waited for their order in vain, whose number it returns. horizon
// is the policy's, in milliseconds.
//
// What is folded, and when it is looked at, commutes: sums saturate upwards
// only and days are a set. So one step to s gives the same bytes as many.
func (p *Profile) Expire(s, horizon int64) (droppedRefunds int) {
	p.expireTombstone(s, horizon)
	limit := s - horizon - policy.Grace
	if planted.GraceForgotten.On() {
		limit += policy.Grace
	}
	if p.earliest > limit || len(p.Orders) == 0 {
		return 0
	}
	droppedRefunds = p.foldDue(limit)
	p.dropped += droppedRefunds
	return droppedRefunds
}

// expireTombstone ends the tombstone at the instant forgotten at + horizon. A
// customer who has not returned by then begins at version 1 again, unless the
// world was told of a later version.
func (p *Profile) expireTombstone(s, horizon int64) {
	if p.ForgottenAt == None || s-horizon < p.ForgottenAt {
		return
	}
	p.ForgottenAt, p.ForgetID = None, 0
	if p.Segment == segment.None && p.Mark != Adopted {
		p.Version = 0
	}
}

// foldDue folds the orders whose latest event is at or before limit and closes
// the gaps they leave.
func (p *Profile) foldDue(limit int64) (droppedRefunds int) {
	kept := p.Orders[:0]
	earliest := int64(never)
	for i := range p.Orders {
		o := &p.Orders[i]
		if o.LastAt > limit {
			earliest = min(earliest, o.LastAt)
			kept = append(kept, *o)
			continue
		}
		if o.Purchased() {
			p.Lifetime.fold(o)
		} else {
			droppedRefunds += len(o.Refunds)
		}
	}
	if len(kept) != len(p.Orders) {
		clear(p.Orders[len(kept):]) // lets go of the folded orders' memory
		p.Orders, p.prints = kept, p.prints[:0]
	}
	p.earliest = earliest
	return droppedRefunds
}

// Wake returns the instant at which the profile must next be touched though no
// event arrives, None if never: where there is a segment, the instant it
// changes at; else the end of the tombstone or of a refund's waiting, whichever
// comes first, so that nothing is kept about an unknown customer for longer.
func (p *Profile) Wake(horizon int64) int64 {
	if p.Segment != segment.None {
		return p.NextAt
	}
	wake := int64(never)
	if p.ForgottenAt != None {
		wake = after(p.ForgottenAt, horizon)
	}
	for i := range p.Orders {
		if p.Orders[i].Purchased() {
			break
		}
		wake = min(wake, after(p.Orders[i].LastAt, horizon+policy.Grace))
	}
	if wake == never {
		return None
	}
	return wake
}

// after returns t + d, but never a time before t: a wake-up in the past, for an
// event that a producer dated at int64's end, would be due again and again.
func after(t, d int64) int64 {
	if t > never-d {
		return never
	}
	return t + d
}
