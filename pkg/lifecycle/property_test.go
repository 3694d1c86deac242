package lifecycle_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/lifecycle"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// table is the contract's table word for word, for one instant.
func table(p *profile.Profile, pol *policy.Policy, t int64) segment.Segment {
	if p.FirstSeen == profile.None {
		return segment.None
	}
	l, idle := pol.Lifecycle, t-p.LastSeen
	buyer, latest, frequency := p.Lifetime.Orders > 0, p.Lifetime.Last, 0
	for i := range p.Orders {
		o := &p.Orders[i]
		if !o.Counts() {
			continue
		}
		buyer, latest = true, max(latest, o.Time)
		if t-int64(pol.Window) < o.Time && o.Time <= t {
			frequency++
		}
	}
	recency := t - latest
	switch {
	case buyer && recency >= int64(l.ChurnAfter) && idle >= int64(l.EngagedWithin),
		!buyer && idle >= int64(l.ProspectChurnAfter):
		return segment.Churned
	case buyer && recency >= int64(l.ActiveWithin),
		!buyer && idle >= int64(l.EngagedWithin):
		return segment.Edge
	case buyer && frequency >= l.LoyalOrders:
		return segment.Loyal
	}
	return segment.Potential
}

// policies draws any policy: its durations need not be in a sensible order.
func policies() *rapid.Generator[*policy.Policy] {
	return rapid.Custom(func(t *rapid.T) *policy.Policy {
		durations := rapid.OneOf(rapid.SampledFrom([]int64{0, 1, 2, 5 * day, 10 * day}), rapid.Int64Range(0, 30*day), rapid.Just(int64(3652425)*day))
		draw := func(name string) policy.Duration { return policy.Duration(durations.Draw(t, name)) }
		p := policy.Default()
		p.Window, p.LateHorizon = max(1, draw("window")), draw("late horizon")
		p.MaxLedgerOrders = rapid.SampledFrom([]int{1, 3, 512}).Draw(t, "limit")
		p.Lifecycle = policy.Lifecycle{
			LoyalOrders: rapid.IntRange(1, 5).Draw(t, "loyal orders"), ActiveWithin: draw("active"), ChurnAfter: draw("churn"),
			EngagedWithin: draw("engaged"), ProspectChurnAfter: draw("prospect churn"),
		}
		return p
	})
}

func events() *rapid.Generator[event.Event] {
	return rapid.Custom(func(t *rapid.T) event.Event {
		kinds := []event.Type{event.Purchase, event.Purchase, event.Purchase, event.Refund, event.Click}
		ev := event.Event{
			Type: rapid.SampledFrom(kinds).Draw(t, "type"), ID: fmt.Sprint(rapid.IntRange(0, 99).Draw(t, "id")),
			Time: start + rapid.OneOf(rapid.Int64Range(0, 20*day), rapid.Int64Range(0, 3), rapid.Just(5*day)).Draw(t, "at"),
		}
		if ev.Type != event.Click {
			ev.OrderID = fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "order"))
			ev.Amount = rapid.Int64Range(0, 3).Draw(t, "amount")
		}
		return ev
	})
}

// The contract's property: the segment is constant on [t, deadline) and another
// one at the deadline, for any policy.
func TestSegmentIsConstantUntilTheDeadlineAndDiffersThere(t *testing.T) {
	seen := map[segment.Segment]int{}
	rapid.Check(t, func(t *rapid.T) {
		pol := policies().Draw(t, "policy")
		p, s := fold(pol, rapid.SliceOfN(events(), 0, 30).Draw(t, "events")...)
		rules := lifecycle.New(pol)
		instants := candidates(&p, pol)

		at := s + rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 40*day)).Draw(t, "later")
		for range 5 { // four segments, so at most three deadlines in a row
			seg, deadline, next := rules.Evaluate(&p, at)
			seen[seg]++
			require.Equal(t, table(&p, pol, at), seg)
			end := deadline
			if deadline == profile.None {
				require.Equal(t, segment.None, next)
				end = 1 << 53
			}
			require.Greater(t, end, at)
			for _, instant := range append(instants, end-1, at+rapid.Int64Range(0, end-1-at).Draw(t, "in between")) {
				if at <= instant && instant < end {
					require.Equal(t, seg, table(&p, pol, instant), "at %d of [%d, %d)", instant, at, end)
				}
			}
			if deadline == profile.None {
				return
			}
			require.NotEqual(t, seg, next)
			require.Equal(t, table(&p, pol, deadline), next, "at the deadline")
			at = deadline
		}
		t.Fatal("deadlines without end")
	})
	for s := segment.Loyal; s < segment.Count; s++ {
		require.NotZero(t, seen[s], "the generator never leads to %q: %v", s, seen)
	}
}

// candidates are all instants at which the table could change, and their
// neighbours.
func candidates(p *profile.Profile, pol *policy.Policy) (instants []int64) {
	l := pol.Lifecycle
	lengths := []policy.Duration{pol.Window, l.ActiveWithin, l.ChurnAfter, l.EngagedWithin, l.ProspectChurnAfter}
	times := []int64{p.LastSeen, p.Lifetime.Last}
	for i := range p.Orders {
		times = append(times, p.Orders[i].Time)
	}
	for _, t := range times {
		for _, d := range lengths {
			if t != profile.None {
				instants = append(instants, t+int64(d)-1, t+int64(d), t+int64(d)+1)
			}
		}
	}
	return instants
}
