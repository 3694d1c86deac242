package rfm_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
)

const day = int64(24 * 60 * 60 * 1000)

// start is 2026-01-01T00:00:00Z.
const start = int64(1767225600000)

func purchase(order string, amount, at int64) event.Event {
	return event.Event{Type: event.Purchase, ID: "p-" + order, OrderID: order, Amount: amount, Time: at}
}

func refund(order string, amount, at int64) event.Event {
	return event.Event{Type: event.Refund, ID: "r-" + order, OrderID: order, Amount: amount, Time: at}
}

func fold(pol *policy.Policy, evs ...event.Event) profile.Profile {
	p, s := profile.New(), int64(0)
	for i := range evs {
		s = max(s, evs[i].Time)
		p.Expire(s, pol.Horizon())
		p.Apply(&evs[i], s, pol)
	}
	return p
}

func TestOrdersLeaveTheWindowAtTheirInstant(t *testing.T) {
	const window = 365 * day
	p := fold(policy.Default(), purchase("a", 500, start), purchase("b", 300, start+day), refund("b", 100, start+2*day),
		event.Event{Type: event.Click, ID: "k", Time: start + 3*day})
	want := rfm.Summary{Orders: 2, Monetary: 700, FirstSeen: start, LastOrder: start + day, LastSeen: start + 3*day}
	require.Equal(t, want, rfm.Summarize(&p, start+3*day, window))
	require.Equal(t, want, rfm.Summarize(&p, start+window-1, window))
	want.Orders, want.Monetary = 1, 200
	require.Equal(t, want, rfm.Summarize(&p, start+window, window))
	want.Orders, want.Monetary = 0, 0
	require.Equal(t, want, rfm.Summarize(&p, start+day+window, window), "the window does not limit recency")
	p.Expire(start+2*window, window)
	require.Empty(t, p.Orders)
	require.Equal(t, want, rfm.Summarize(&p, start+2*window, window), "nor does folding")
}

func TestOnlyCountedOrdersAreSummed(t *testing.T) {
	p := fold(policy.Default(),
		refund("waiting", 5, start),
		purchase("free", 0, start), purchase("refunded", 10, start+1), refund("refunded", 10, start+1),
		purchase("free and refunded", 0, start+2), refund("free and refunded", 0, start+2))
	want := rfm.Summary{Orders: 1, FirstSeen: start, LastOrder: start, LastSeen: start + 2}
	require.Equal(t, want, rfm.Summarize(&p, start+2, day))
}

func TestMonetarySaturates(t *testing.T) {
	p := fold(policy.Default(), purchase("a", math.MaxInt64, start), purchase("b", 1, start), purchase("c", math.MaxInt64, start))
	require.Equal(t, int64(math.MaxInt64), rfm.Summarize(&p, start, day).Monetary)
}

func TestNobody(t *testing.T) {
	p := profile.New()
	want := rfm.Summary{FirstSeen: profile.None, LastOrder: profile.None, LastSeen: profile.None}
	require.Equal(t, want, rfm.Summarize(&p, start, day))
}
