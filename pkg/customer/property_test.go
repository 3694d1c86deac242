package customer_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/customer"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/lifecycle"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// life is a drawn policy and what happens to one customer under it: events with the stream time at
// which each arrives.
type life struct {
	policy *policy.Policy
	events []event.Event
	at     []int64
}

// drawLife draws short durations and times from a coarse grid, so that events, deadlines, folds and
// ends of tombstones often meet in one millisecond.
func drawLife(t *rapid.T) life {
	l := life{policy: drawPolicy(t)}
	s := start
	for i := range rapid.IntRange(1, 40).Draw(t, "events") {
		s += rapid.SampledFrom([]int64{0, 0, 1, day, 2 * day, 5 * day, 11*day - 1, 30 * day}).Draw(t, "gap")
		late := rapid.SampledFrom([]int64{0, 0, 0, 1, day, 3 * day, 20 * day, 60 * day}).Draw(t, "late")
		l.events = append(l.events, drawEvent(t, i, s-late))
		l.at = append(l.at, s)
	}
	return l
}

func drawPolicy(t *rapid.T) *policy.Policy {
	days := func(name string) policy.Duration {
		return policy.Duration(rapid.Int64Range(0, 12).Draw(t, name) * day)
	}
	p := policy.Default()
	p.Window = max(days("window"), 1)
	p.LateHorizon = days("late horizon")
	p.MaxLedgerOrders = rapid.IntRange(1, 4).Draw(t, "ledger")
	p.Lifecycle = policy.Lifecycle{
		LoyalOrders:  rapid.IntRange(1, 3).Draw(t, "loyal"),
		ActiveWithin: days("active"), ChurnAfter: days("churn"),
		EngagedWithin: days("engaged"), ProspectChurnAfter: days("prospect"),
	}
	return p
}

func drawEvent(t *rapid.T, i int, at int64) event.Event {
	ev := event.Event{ID: fmt.Sprint("e", i), Customer: customerID, OccurredAt: at, Time: at}
	ev.Type = rapid.SampledFrom([]event.Type{
		event.Purchase, event.Purchase, event.Purchase, event.Purchase, event.Refund, event.Refund, event.Click, event.Click, event.Forget,
	}).Draw(t, "type")
	switch ev.Type {
	case event.Purchase, event.Refund:
		ev.OrderID = rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g"}).Draw(t, "order")
		ev.Amount = rapid.Int64Range(0, 4).Draw(t, "amount")
		ev.Whole = ev.Type == event.Refund && ev.Amount == 0 && rapid.Bool().Draw(t, "whole")
	case event.Forget:
		ev.ID = rapid.SampledFrom([]string{"f1", "f2"}).Draw(t, "forget")
	}
	return ev
}

// TestChangesAreAChain: whatever happens, versions have no gap, each change begins where the last one
// ended, nothing is published twice, and the profile shows what was published last and what is true.
func TestChangesAreAChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		r, evaluate, p := customer.New(l.policy), lifecycle.New(l.policy), profile.New()
		for i := range l.events {
			s := l.at[i]
			from, version := p.Segment, p.Version
			out := r.Fire(&p, customerID, s, instant.None, nil)
			require.NoError(t, chained(from, version, out))
			requireAscending(t, out, s)

			// Only here can the version begin anew: with the end of a tombstone.
			from, version = p.Segment, p.Version
			out, _ = r.Apply(&p, customerID, &l.events[i], s, false, nil)
			require.LessOrEqual(t, len(out), 1)
			require.NoError(t, chained(from, version, out))

			seg, deadline, next := evaluate.Evaluate(&p, s)
			require.Equal(t, seg, p.Segment)
			require.Equal(t, deadline, p.NextAt)
			require.Equal(t, next, p.Next)
			require.Equal(t, p.Segment == segment.None, p.Since == instant.None)
			if len(out) > 0 && p.Segment != segment.None {
				require.Equal(t, s, p.Since)
			}
		}
	})
}

// requireAscending demands that deadlines fire in order and none before its time.
func requireAscending(t *rapid.T, out []change.Change, s int64) {
	for i := range out {
		require.Equal(t, change.Timer, out[i].Cause)
		require.LessOrEqual(t, out[i].EffectiveAt, s)
		if i > 0 {
			require.Less(t, out[i-1].EffectiveAt, out[i].EffectiveAt)
		}
	}
}

// TestTimersMayFireAtAnyPace: a timer that fires at its deadline, long after it or only with the next
// event makes the same changes and the same profile.
func TestTimersMayFireAtAnyPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		r := customer.New(l.policy)
		eager, lazy := profile.New(), profile.New()
		var fromEager, fromLazy []change.Change
		now := start
		end := l.at[len(l.at)-1] + 400*day
		for i := range l.events {
			for now < l.at[i] {
				now = nextStop(t, &eager, now, l.at[i])
				fromEager = r.Fire(&eager, customerID, now, instant.None, fromEager)
			}
			fromEager = r.Fire(&eager, customerID, now, instant.None, fromEager)
			fromLazy = r.Fire(&lazy, customerID, now, instant.None, fromLazy)
			ev := l.events[i]
			var one, other profile.Outcome
			fromEager, one = r.Apply(&eager, customerID, &ev, now, false, fromEager)
			fromLazy, other = r.Apply(&lazy, customerID, &ev, now, false, fromLazy)
			require.Equal(t, other, one)
		}
		for now < end {
			now = nextStop(t, &eager, now, end)
			fromEager = r.Fire(&eager, customerID, now, instant.None, fromEager)
		}
		fromLazy = r.Fire(&lazy, customerID, end, instant.None, fromLazy)
		require.Equal(t, fromLazy, fromEager)
		require.Equal(t, lazy.Append(nil), eager.Append(nil))
	})
}

// nextStop is the customer's next deadline, or a while later, but never beyond the limit.
func nextStop(t *rapid.T, p *profile.Profile, now, limit int64) int64 {
	if p.NextAt != instant.None && p.NextAt <= limit && rapid.Bool().Draw(t, "at the deadline") {
		return p.NextAt
	}
	return min(limit, now+rapid.SampledFrom([]int64{1, day, 50 * day}).Draw(t, "pace"))
}

// TestQuietEndsWhereLoudDoes: silence hides changes and versions, and changes nothing else.
func TestQuietEndsWhereLoudDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		r := customer.New(l.policy)
		quiet, loud := profile.New(), profile.New()
		for i := range l.events {
			s := l.at[i]
			out := r.Fire(&quiet, customerID, s, s, nil)
			out, _ = r.Apply(&quiet, customerID, &l.events[i], s, true, out)
			require.Empty(t, out)
			r.Fire(&loud, customerID, s, instant.None, nil)
			r.Apply(&loud, customerID, &l.events[i], s, false, nil)
		}
		require.Zero(t, quiet.Version)
		loud.Version = 0
		require.Equal(t, loud.Append(nil), quiet.Append(nil))
	})
}

// TestRecoveryReachesTheTruth: from whatever the world was told, absorbing the log and recovering
// ends in the segment and the ledger of an undisturbed run, in at most one change.
func TestRecoveryReachesTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		r := customer.New(l.policy)
		lost, kept := profile.New(), profile.New()
		lost.Segment = segment.Segment(rapid.IntRange(0, segment.Count-1).Draw(t, "told"))
		lost.Version, lost.Mark = 100, profile.Adopted
		for i := range l.events {
			r.Absorb(&lost, &l.events[i], l.at[i])
			r.Fire(&kept, customerID, l.at[i], instant.None, nil)
			r.Apply(&kept, customerID, &l.events[i], l.at[i], false, nil)
		}
		s, told := l.at[len(l.at)-1], lost.Segment
		out := r.Recover(&lost, customerID, s, nil)
		require.LessOrEqual(t, len(out), 1)
		require.NoError(t, chained(told, 100, out))
		require.Equal(t, kept.Segment, lost.Segment)
		require.Equal(t, kept.NextAt, lost.NextAt)
		require.True(t, slices.EqualFunc(kept.Orders, lost.Orders, func(a, b profile.Order) bool {
			return a.ID == b.ID && a.Time == b.Time && a.Net() == b.Net()
		}))
		require.Equal(t, kept.Lifetime.Amount, lost.Lifetime.Amount)
	})
}
