package lifecycle_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/lifecycle"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

const day = int64(24 * 60 * 60 * 1000)

// start is 2026-01-01T00:00:00Z.
const start = int64(1767225600000)

func purchase(order string, amount, at int64) event.Event {
	return event.Event{Type: event.Purchase, ID: "p-" + order, OrderID: order, Amount: amount, Time: at}
}

func refund(order string, at int64) event.Event {
	return event.Event{Type: event.Refund, ID: "r-" + order, OrderID: order, Whole: true, Time: at}
}

func click(at int64) event.Event { return event.Event{Type: event.Click, ID: "k", Time: at} }

func fold(pol *policy.Policy, evs ...event.Event) (p profile.Profile, s int64) {
	p = profile.New()
	for i := range evs {
		s = max(s, evs[i].Time)
		p.Expire(s, pol.Horizon())
		p.Apply(&evs[i], s, pol)
	}
	return p, s
}

// step is what Evaluate should say at one instant.
type step struct {
	at       int64
	segment  segment.Segment
	deadline int64
	next     segment.Segment
}

const never = profile.None

func TestEveryRowAndBoundary(t *testing.T) {
	const loyal, potential, edge, churned, none = segment.Loyal, segment.Potential, segment.Edge, segment.Churned, segment.None
	tests := []struct {
		name   string
		events []event.Event
		steps  []step
	}{
		{"nobody", nil, []step{{start, none, never, none}}},
		{"only a refund that waits", []event.Event{refund("o", start)}, []step{{start, none, never, none}}},
		{"a visitor", []event.Event{click(start)}, []step{
			{start, potential, start + 30*day, edge}, {start + 30*day - 1, potential, start + 30*day, edge},
			{start + 30*day, edge, start + 90*day, churned}, {start + 90*day - 1, edge, start + 90*day, churned},
			{start + 90*day, churned, never, none},
		}},
		{"a buyer whose only order was refunded is a prospect", []event.Event{purchase("a", 1, start), refund("a", start+day)}, []step{
			{start + day, potential, start + 30*day, edge}, {start + 30*day, edge, start + 90*day, churned}, {start + 90*day, churned, never, none},
		}},
		{"a buyer", []event.Event{purchase("a", 1, start)}, []step{
			{start, potential, start + 90*day, edge}, {start + 90*day - 1, potential, start + 90*day, edge},
			{start + 90*day, edge, start + 180*day, churned}, {start + 180*day - 1, edge, start + 180*day, churned},
			{start + 180*day, churned, never, none}, {start + 9000*day, churned, never, none},
		}},
		{"a free order makes a buyer", []event.Event{purchase("a", 0, start)}, []step{{start, potential, start + 90*day, edge}}},
		{"a loyal buyer", []event.Event{purchase("a", 1, start), purchase("b", 1, start+day), purchase("c", 1, start+2*day)}, []step{
			{start + 2*day, loyal, start + 92*day, edge}, {start + 92*day - 1, loyal, start + 92*day, edge},
			{start + 92*day, edge, start + 182*day, churned}, {start + 182*day, churned, never, none},
		}},
		{"loyal no longer when the third newest order leaves the window", []event.Event{
			purchase("a", 1, start), purchase("b", 1, start+100*day), purchase("c", 1, start+350*day),
		}, []step{
			{start + 350*day, loyal, start + 365*day, potential}, {start + 365*day - 1, loyal, start + 365*day, potential},
			{start + 365*day, potential, start + 440*day, edge}, {start + 440*day, edge, start + 530*day, churned},
		}},
		{"a refund can end it", []event.Event{
			purchase("a", 1, start), purchase("b", 1, start+day), purchase("c", 1, start+2*day), refund("b", start+3*day),
		}, []step{{start + 3*day, potential, start + 92*day, edge}}},
		{"a lapsed buyer who still browses is at the edge", []event.Event{purchase("a", 1, start), click(start + 170*day)}, []step{
			{start + 170*day, edge, start + 200*day, churned}, {start + 180*day, edge, start + 200*day, churned},
			{start + 200*day - 1, edge, start + 200*day, churned}, {start + 200*day, churned, never, none},
		}},
		{"and comes back from churned by a click", []event.Event{purchase("a", 1, start), click(start + 300*day)}, []step{
			{start + 300*day, edge, start + 330*day, churned}, {start + 330*day, churned, never, none},
		}},
		{"a buyer whose orders are all folded stays one", []event.Event{purchase("a", 1, start), click(start + 400*day)}, []step{
			{start + 400*day, edge, start + 430*day, churned}, {start + 430*day, churned, never, none},
		}},
	}
	pol := policy.Default()
	rules := lifecycle.New(pol)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, _ := fold(pol, test.events...)
			for _, want := range test.steps {
				seg, deadline, next := rules.Evaluate(&p, want.at)
				require.Equal(t, want, step{want.at, seg, deadline, next})
			}
		})
	}
}

// A folded order can be later than all that the ledger still has.
func TestLatestOrderMayBeFolded(t *testing.T) {
	pol := policy.Default()
	pol.Window, pol.Lifecycle.ActiveWithin, pol.Lifecycle.ChurnAfter = policy.Duration(day), policy.Duration(400*day), policy.Duration(500*day)
	p, s := fold(pol, purchase("old", 5, start), purchase("new", 5, start+2*day), event.Event{
		Type: event.Refund, ID: "r", OrderID: "old", Amount: 1, Time: start + 7*day,
	}, click(start+11*day))
	require.Len(t, p.Orders, 1)
	require.True(t, p.Orders[0].Counts())
	require.Equal(t, "old", p.Orders[0].ID)
	seg, deadline, next := lifecycle.New(pol).Evaluate(&p, s)
	require.Equal(t, step{s, segment.Potential, start + 402*day, segment.Edge}, step{s, seg, deadline, next})
}

func TestPoliciesWhoseBoundariesMeetOrCross(t *testing.T) {
	tests := []struct {
		name   string
		change func(*policy.Lifecycle)
		want   step
	}{
		{"churned at the instant of the edge", func(l *policy.Lifecycle) { l.ChurnAfter = l.ActiveWithin }, step{start, segment.Loyal, start + 90*day, segment.Churned}},
		{"churned before the edge", func(l *policy.Lifecycle) { l.ChurnAfter = policy.Duration(40 * day) }, step{start, segment.Loyal, start + 40*day, segment.Churned}},
		{"but not while he is engaged", func(l *policy.Lifecycle) { l.ChurnAfter = 0 }, step{start, segment.Loyal, start + 30*day, segment.Churned}},
		{"never active", func(l *policy.Lifecycle) { l.ActiveWithin = 0 }, step{start, segment.Edge, start + 180*day, segment.Churned}},
		{"always churned", func(l *policy.Lifecycle) { l.ChurnAfter, l.EngagedWithin = 0, 0 }, step{start, segment.Churned, never, segment.None}},
		{"active for longer than the window", func(l *policy.Lifecycle) { l.ActiveWithin = policy.Duration(1000 * day) }, step{start, segment.Loyal, start + 180*day, segment.Churned}},
		{"everything at once", func(l *policy.Lifecycle) {
			l.ActiveWithin, l.ChurnAfter = policy.Duration(365*day), policy.Duration(365*day)
		}, step{start, segment.Loyal, start + 365*day, segment.Churned}},
		{"nobody is loyal", func(l *policy.Lifecycle) { l.LoyalOrders = 4 }, step{start, segment.Potential, start + 90*day, segment.Edge}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pol := policy.Default()
			test.change(&pol.Lifecycle)
			p, s := fold(pol, purchase("a", 1, start), purchase("b", 1, start), purchase("c", 1, start))
			seg, deadline, next := lifecycle.New(pol).Evaluate(&p, s)
			require.Equal(t, test.want, step{s, seg, deadline, next})
		})
	}
}
