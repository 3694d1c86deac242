package pipeline

import (
	"slices"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
)

// The planted bugs (pkg/planted) that need more than a condition where they strike. Without
// the build tag each of these returns its argument.

// boundary is the stream time up to which deadlines fire.
func boundary(t int64) int64 {
	if planted.BoundaryOff.On() {
		return t - 1
	}
	return t
}

// mutateEvent loses what a refund takes back that came before its order.
func mutateEvent(p *profile.Profile, ev *event.Event) *event.Event {
	known := func(o profile.Order) bool { return o.ID == ev.OrderID && o.Purchased() }
	if ev.Type != event.Refund || slices.ContainsFunc(p.Orders, known) || !planted.RefundBeforeOrderLost.On() {
		return ev
	}
	lost := *ev
	lost.Amount, lost.Whole = 0, false
	return &lost
}

// mutateGreatest forgets which events are too late.
func mutateGreatest(latest int64) int64 {
	if latest != instant.None && planted.GreatestForgotten.On() {
		return instant.None
	}
	return latest
}

// mutateCommit moves the offsets a batch ahead of the state.
func (s *Shard) mutateCommit(c *store.Commit) *store.Commit {
	if planted.StateAfterOffsets.On() {
		c.Customers, s.heldBack = s.heldBack, c.Customers
	}
	return c
}

// mutateLive sends a commit again whose answer was lost, under the new head.
func (s *Shard) mutateLive() {
	if s.resend == nil || !planted.LostReplyIsFailure.On() {
		return
	}
	again := s.resend
	s.resend = nil
	head := s.state.Head
	s.state = again.State.Clone()
	s.state.Head = head
	for i := range s.lanes {
		t := &s.state.Topics[i]
		s.lanes[i].rewind(t.Next, s.replayEnd(t.Name), t.Greatest)
	}
	for _, c := range again.Customers {
		e, _ := s.cache.get(c.Customer)
		e.profile.Reset()
		if c.Value != nil && e.profile.Decode(c.Value) != nil {
			continue
		}
		e.loaded, e.dirty = true, true
		s.open.dirty = append(s.open.dirty, e)
	}
	s.open.moved = true
}
