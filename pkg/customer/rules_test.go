package customer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/customer"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

const (
	day   = int64(86_400_000)
	start = 20_000 * day // 2024-10-04
)

func purchase(id string, at, amount int64) *event.Event {
	return &event.Event{Type: event.Purchase, ID: "e-" + id, Customer: customerID, OrderID: id, Amount: amount, OccurredAt: at, Time: at}
}

func click(at int64) *event.Event {
	return &event.Event{Type: event.Click, ID: "click", Customer: customerID, Action: "click", OccurredAt: at, Time: at}
}

func forget(id string, at int64) *event.Event {
	return &event.Event{Type: event.Forget, ID: id, Customer: customerID, OccurredAt: at, Time: at}
}

// give lets an event happen at its own time, after what is due by then.
func give(t *testing.T, r *customer.Rules, p *profile.Profile, ev *event.Event, quiet bool) []change.Change {
	t.Helper()
	quietUntil := instant.None
	if quiet {
		quietUntil = ev.Time
	}
	out := r.Fire(p, customerID, ev.Time, quietUntil, nil)
	out, outcome := r.Apply(p, customerID, ev, ev.Time, quiet, out)
	require.Equal(t, profile.Applied, outcome)
	return out
}

func TestApplyDescribesTheChangeWhole(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	out := give(t, r, &p, purchase("o-1", start, 1200), false)
	require.Equal(t, []change.Change{{
		Customer: customerID, Version: 1,
		From: segment.None, To: segment.Potential, EffectiveAt: start,
		Cause: change.Event, EventID: "e-o-1", EventType: event.Purchase,
		Profile:    rfm.Summary{Orders: 1, Monetary: 1200, FirstSeen: start, LastOrder: start, LastSeen: start},
		HasProfile: true,
		Next:       segment.Edge, NextAt: start + 90*day,
	}}, out)
}

func TestFireDescribesTheCustomerAsOfTheDeadline(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	give(t, r, &p, purchase("o-1", start, 1200), false)
	// Both deadlines and the fold of the order are due: the changes must not see the fold.
	out := r.Fire(&p, customerID, start+400*day, instant.None, nil)
	seen := rfm.Summary{Orders: 1, Monetary: 1200, FirstSeen: start, LastOrder: start, LastSeen: start}
	require.Equal(t, []change.Change{
		{
			Customer: customerID, Version: 2, From: segment.Potential, To: segment.Edge, EffectiveAt: start + 90*day,
			Cause: change.Timer, Profile: seen, HasProfile: true, Next: segment.Churned, NextAt: start + 180*day,
		},
		{
			Customer: customerID, Version: 3, From: segment.Edge, To: segment.Churned, EffectiveAt: start + 180*day,
			Cause: change.Timer, Profile: seen, HasProfile: true, NextAt: instant.None,
		},
	}, out)
	require.Empty(t, p.Orders)
	require.Equal(t, start+180*day, p.Since)
}

func TestForgetTellsNothingAboutTheCustomer(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	give(t, r, &p, purchase("o-1", start, 1200), false)
	out := give(t, r, &p, forget("f-1", start+day), false)
	require.Equal(t, []change.Change{{
		Customer: customerID, Version: 2, From: segment.Potential, EffectiveAt: start + day, Cause: change.Forget, NextAt: instant.None,
	}}, out)
	require.Equal(t, instant.None, p.Since)
	require.Equal(t, instant.None, p.NextAt)
	require.Equal(t, segment.None, p.Next)
}

func TestApplyAppendsBehindWhatIsThere(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	out, _ := r.Apply(&p, customerID, click(start), start, false, []change.Change{{Customer: "another"}})
	require.Len(t, out, 2)
	require.Equal(t, "another", out[0].Customer)
	require.Equal(t, customerID, out[1].Customer)
}

func TestQuietMovesTheSegmentWithoutAWord(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	require.Empty(t, give(t, r, &p, purchase("o-1", start, 1200), true))
	require.Equal(t, segment.Potential, p.Segment)
	require.Equal(t, start, p.Since)
	require.Zero(t, p.Version)

	require.Empty(t, give(t, r, &p, click(start+200*day), true))
	require.Equal(t, segment.Edge, p.Segment)
	require.Equal(t, start+200*day, p.Since)
	require.Zero(t, p.Version)
}

// Silence may end between two deadlines that fire in one step.
func TestFireIsQuietUpToAnInstant(t *testing.T) {
	for _, test := range []struct {
		name       string
		quietUntil int64
		versions   int
	}{
		{"never", instant.None, 2},
		{"before the first", start + 90*day - 1, 2},
		{"up to the first", start + 90*day, 1},
		{"before the second", start + 180*day - 1, 1},
		{"up to the second", start + 180*day, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, p := customer.New(policy.Default()), profile.New()
			give(t, r, &p, purchase("o-1", start, 1200), true)
			out := r.Fire(&p, customerID, start+180*day, test.quietUntil, nil)
			require.Len(t, out, test.versions)
			require.EqualValues(t, test.versions, p.Version)
			require.Equal(t, segment.Churned, p.Segment)
			require.Equal(t, start+180*day, p.Since)
		})
	}
}

func TestBootstrapPublishesThePresentSegmentOnce(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	give(t, r, &p, purchase("o-1", start, 1200), true)
	p.Mark = profile.Pending

	s := start + 100*day
	require.Empty(t, r.Fire(&p, customerID, s, s, nil))
	out := r.Bootstrap(&p, customerID, s, nil)
	require.Equal(t, []change.Change{{
		Customer: customerID, Version: 1, From: segment.None, To: segment.Edge, EffectiveAt: s, Cause: change.Bootstrap,
		Profile:    rfm.Summary{Orders: 1, Monetary: 1200, FirstSeen: start, LastOrder: start, LastSeen: start},
		HasProfile: true, Next: segment.Churned, NextAt: start + 180*day,
	}}, out)
	require.Equal(t, profile.Unmarked, p.Mark)
	require.Equal(t, start+90*day, p.Since, "he has been there since before the first word")

	require.Empty(t, r.Bootstrap(&p, customerID, s, nil), "a second time")
	after := r.Fire(&p, customerID, start+180*day, instant.None, nil)
	require.Len(t, after, 1)
	require.NoError(t, chained(segment.Edge, 1, after))
}

func TestBootstrapHasNothingToSayOfNobody(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	give(t, r, &p, purchase("o-1", start, 1200), true)
	give(t, r, &p, forget("f-1", start+day), true)
	p.Mark = profile.Pending
	require.Empty(t, r.Bootstrap(&p, customerID, start+2*day, nil))
	require.Equal(t, profile.Unmarked, p.Mark)
	require.Zero(t, p.Version)
}

// adopted is a customer whose ledger a rollback has emptied, while the world knows him as loyal,
// version 7.
func adopted() profile.Profile {
	p := profile.New()
	p.Segment, p.Version, p.Since, p.Mark = segment.Loyal, 7, start, profile.Adopted
	return p
}

func TestAbsorbMovesTheLedgerAlone(t *testing.T) {
	r, p := customer.New(policy.Default()), adopted()
	require.Equal(t, profile.Applied, r.Absorb(&p, purchase("o-1", start, 1200), start))
	require.Len(t, p.Orders, 1)
	require.Equal(t, segment.Loyal, p.Segment)
	require.EqualValues(t, 7, p.Version)
	require.Equal(t, profile.Adopted, p.Mark)

	require.Equal(t, profile.Applied, r.Absorb(&p, click(start+400*day), start+400*day))
	require.Empty(t, p.Orders, "an order that is due is folded on the way")
	require.EqualValues(t, 1, p.Lifetime.Orders)
}

func TestRecoverTellsWhatDiffers(t *testing.T) {
	r, p := customer.New(policy.Default()), adopted()
	r.Absorb(&p, purchase("o-1", start, 1200), start)
	s := start + 100*day
	out := r.Recover(&p, customerID, s, nil)
	require.Equal(t, []change.Change{{
		Customer: customerID, Version: 8, From: segment.Loyal, To: segment.Edge, EffectiveAt: s, Cause: change.Recovery,
		Profile:    rfm.Summary{Orders: 1, Monetary: 1200, FirstSeen: start, LastOrder: start, LastSeen: start},
		HasProfile: true, Next: segment.Churned, NextAt: start + 180*day,
	}}, out)
	require.Equal(t, s, p.Since)
	require.Equal(t, profile.Unmarked, p.Mark)
	require.Empty(t, r.Recover(&p, customerID, s, nil), "a second time")
}

func TestRecoverIsSilentWhereTheWorldKnows(t *testing.T) {
	r, p := customer.New(policy.Default()), adopted()
	for i := range int64(3) {
		r.Absorb(&p, purchase(string('a'+rune(i)), start+i, 1200), start+i)
	}
	require.Empty(t, r.Recover(&p, customerID, start+2, nil))
	require.Equal(t, segment.Loyal, p.Segment)
	require.EqualValues(t, 7, p.Version)
	require.Equal(t, start, p.Since)
	require.Equal(t, start+2+90*day, p.NextAt, "he is armed again")
	require.Equal(t, segment.Edge, p.Next)
}

func TestRecoverOfOneWhoWasForgotten(t *testing.T) {
	r, p := customer.New(policy.Default()), adopted()
	r.Absorb(&p, forget("f-1", start), start)
	out := r.Recover(&p, customerID, start+day, nil)
	require.Equal(t, []change.Change{{
		Customer: customerID, Version: 8, From: segment.Loyal, EffectiveAt: start + day, Cause: change.Recovery, NextAt: instant.None,
	}}, out)
	require.Equal(t, instant.None, p.Since)
	require.EqualValues(t, 8, p.Version, "versions go on while the tombstone stands")
}

// The world has been told version 8 a moment ago: to begin at 1 again would be lost on a consumer who
// drops what is not above that.
func TestRecoverAfterTheTombstoneKeepsTheVersion(t *testing.T) {
	for _, told := range []segment.Segment{segment.None, segment.Loyal} {
		r, p := customer.New(policy.Default()), adopted()
		p.Segment = told
		r.Absorb(&p, forget("f-1", start), start)
		s := start + 366*day
		r.Recover(&p, customerID, s, nil)
		require.Equal(t, instant.None, p.ForgottenAt)
		recovered := p.Version
		require.GreaterOrEqual(t, recovered, int64(7))
		out := give(t, r, &p, click(s+day), false)
		require.NoError(t, chained(segment.None, recovered, out))
		require.Len(t, out, 1)
	}
}

func TestRecoverBringsTheLedgerToTheStreamTime(t *testing.T) {
	r, p := customer.New(policy.Default()), adopted()
	r.Absorb(&p, purchase("o-1", start, 1200), start)
	out := r.Recover(&p, customerID, start+400*day, nil)
	require.Len(t, out, 1)
	require.Equal(t, segment.Churned, out[0].To)
	require.Empty(t, p.Orders)
	require.EqualValues(t, 1, p.Lifetime.Orders)
}

func TestRecoverAndBootstrapLeaveOtherMarksAlone(t *testing.T) {
	r := customer.New(policy.Default())
	for _, mark := range []profile.Mark{profile.Unmarked, profile.Pending, profile.Adopted} {
		p := profile.New()
		give(t, r, &p, purchase("o-1", start, 1200), false)
		p.Segment, p.Mark = segment.Loyal, mark
		if mark != profile.Adopted {
			require.Empty(t, r.Recover(&p, customerID, start, nil))
			require.Equal(t, mark, p.Mark)
		}
		if mark != profile.Pending {
			require.Empty(t, r.Bootstrap(&p, customerID, start, nil))
			require.Equal(t, mark, p.Mark)
		}
	}
}

func TestEventsWithoutEffectChangeNothing(t *testing.T) {
	r, p := customer.New(policy.Default()), profile.New()
	give(t, r, &p, forget("f-1", start), false)
	stored := p.Append(nil)
	out, outcome := r.Apply(&p, customerID, click(start), start, false, nil)
	require.Empty(t, out)
	require.Equal(t, profile.Erased, outcome)
	require.Equal(t, stored, p.Append(nil))
}
