package profile_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// The default policy's horizon, and how long an order stays after its latest event.
const (
	horizon = 365 * day
	stay    = horizon + 7*day
)

func TestOrderIsFoldedAtItsInstant(t *testing.T) {
	p := profile.New()
	fold(&p, []event.Event{purchase("o", 500, start), refund("r", "o", 100, start+day)}, policy.Default())

	p.Expire(start+day+stay-1, horizon)
	require.Len(t, p.Orders, 1, "its latest event, of any kind, keeps it")
	p.Expire(start+day+stay, horizon)
	require.Empty(t, p.Orders)
	want := profile.Lifetime{Orders: 1, Amount: 400, FirstDayAmount: 400, Days: []int32{20454}, First: start, Last: start}
	require.Equal(t, want, p.Lifetime)
	require.Equal(t, start, p.LastOrder())
	require.Equal(t, start, p.LastSeen)
}

func TestPurchaseThatNamesAFoldedOrderIsNew(t *testing.T) {
	p, s := profile.New(), start+stay
	fold(&p, []event.Event{purchase("o", 500, start)}, policy.Default())
	p.Expire(s, horizon)
	again := purchase("o", 300, s)
	require.Equal(t, profile.Applied, p.Apply(&again, s, policy.Default()))
	require.Equal(t, s, p.Orders[0].Time)
	require.Equal(t, int64(500), p.Lifetime.Amount)
}

func TestRefundsThatWaitInVainAreDroppedAndCounted(t *testing.T) {
	p := profile.New()
	fold(&p, []event.Event{refund("r", "o", 5, start), refund("s", "o", 5, start+day), refund("r", "q", 5, start)}, policy.Default())
	require.Equal(t, start+stay, p.Wake(horizon))
	require.Zero(t, p.Expire(start+stay-1, horizon))
	require.Equal(t, 1, p.Expire(start+stay, horizon))
	require.Equal(t, start+day+stay, p.Wake(horizon))
	require.Equal(t, 2, p.Expire(start+day+stay, horizon))
	require.Equal(t, 3, p.TakeDropped())
	require.Zero(t, p.TakeDropped(), "each is told of once")
	require.True(t, p.Empty())
	require.Equal(t, profile.None, p.Wake(horizon))
}

func TestStaleEventsHaveNoEffect(t *testing.T) {
	pol, s := policy.Default(), start+stay
	for _, test := range []struct {
		ev   event.Event
		want profile.Outcome
	}{
		{purchase("o", 1, start), profile.Stale},
		{purchase("o", 1, start+1), profile.Applied},
		{click(start), profile.Stale},
		{refund("r", "o", 1, start), profile.Stale},
		{forget("f", start), profile.Applied},
	} {
		p := profile.New()
		require.Equal(t, test.want, p.Apply(&test.ev, s, pol), "%+v", test.ev)
		require.Equal(t, test.want == profile.Stale, p.Empty())
	}
}

func TestTombstone(t *testing.T) {
	pol := policy.Default()
	erased := func() profile.Profile {
		p := profile.New()
		fold(&p, []event.Event{purchase("o", 1, start), click(start + 5)}, pol)
		p.Segment, p.Since, p.Version, p.Next, p.NextAt, p.Armed = segment.Potential, start, 4, segment.Edge, start+90*day, start+90*day
		f := forget("f", start+1) // late: what came in between goes as well
		require.Equal(t, profile.Applied, p.Apply(&f, start+7, pol))
		return p
	}

	t.Run("erases all but what was published", func(t *testing.T) {
		p := erased()
		require.Empty(t, p.Orders)
		require.Equal(t, profile.None, p.FirstSeen)
		require.Equal(t, profile.None, p.LastSeen)
		require.Equal(t, profile.None, p.LastOrder())
		require.Equal(t, start+7, p.ForgottenAt)
		require.Equal(t, segment.Potential, p.Segment)
		require.Equal(t, int64(4), p.Version)
		require.Equal(t, start+90*day, p.Armed)
		require.False(t, p.Empty())
	})
	t.Run("events up to it have no effect", func(t *testing.T) {
		p := erased()
		for _, ev := range []event.Event{purchase("o", 1, start+7), click(start), refund("r", "o", 1, start+7), forget("g", start+7)} {
			require.Equal(t, profile.Erased, p.Apply(&ev, start+8, pol), "%+v", ev)
		}
		later := click(start + 8)
		require.Equal(t, profile.Applied, p.Apply(&later, start+8, pol))
	})
	t.Run("nor has the same forget at a later time", func(t *testing.T) {
		p := erased()
		back, again, other := purchase("n", 1, start+9), forget("f", start+30), forget("g", start+30)
		p.Apply(&back, start+9, pol)
		require.Equal(t, profile.Erased, p.Apply(&again, start+30, pol))
		require.Len(t, p.Orders, 1)
		require.Equal(t, profile.Applied, p.Apply(&other, start+31, pol))
		require.Empty(t, p.Orders)
		require.Equal(t, start+31, p.ForgottenAt)
	})
	t.Run("is gone after one horizon, and versions begin again", func(t *testing.T) {
		p := erased()
		p.Segment, p.Since, p.Next, p.NextAt = segment.None, profile.None, segment.None, profile.None
		require.Equal(t, start+7+horizon, p.Wake(horizon))
		p.Expire(start+7+horizon-1, horizon)
		require.Equal(t, int64(4), p.Version)
		require.NotEqual(t, profile.None, p.ForgottenAt)
		p.Expire(start+7+horizon, horizon)
		require.Equal(t, profile.None, p.ForgottenAt)
		require.True(t, p.Empty())
		again := forget("f", start+8+horizon)
		require.Equal(t, profile.Applied, p.Apply(&again, start+8+horizon, pol), "nothing remembers that erasure any more")
	})
	t.Run("versions go on for who came back", func(t *testing.T) {
		p := erased()
		p.Segment = segment.Potential
		p.Expire(start+7+horizon, horizon)
		require.Equal(t, profile.None, p.ForgottenAt)
		require.Equal(t, int64(4), p.Version)
	})
	t.Run("and for one of whom the world knows more than the store", func(t *testing.T) {
		p := erased()
		p.Segment, p.Mark = segment.None, profile.Adopted
		p.Expire(start+7+horizon, horizon)
		require.Equal(t, int64(4), p.Version)
		require.False(t, p.Empty())
	})
	t.Run("stays where nothing was known", func(t *testing.T) {
		p, f := profile.New(), forget("f", start)
		require.Equal(t, profile.Applied, p.Apply(&f, start+3, pol))
		require.Equal(t, start+3, p.ForgottenAt)
		require.False(t, p.Empty())
	})
	t.Run("lifts the floor", func(t *testing.T) {
		one := policy.Default()
		one.MaxLedgerOrders = 1
		p, f := profile.New(), forget("f", start+2)
		fold(&p, []event.Event{purchase("a", 1, start), purchase("b", 1, start+1)}, one)
		require.Equal(t, profile.Applied, p.Apply(&f, start+2, one))
		require.Equal(t, profile.None, p.Floor)
		require.Zero(t, p.Lifetime.Orders)
	})
}

func TestWakeOfACustomerWithASegmentIsHisDeadline(t *testing.T) {
	p := profile.New()
	fold(&p, []event.Event{forget("f", start), purchase("o", 1, start+1)}, policy.Default())
	p.Segment, p.Next, p.NextAt = segment.Potential, segment.Edge, start+1+90*day
	require.Equal(t, start+1+90*day, p.Wake(horizon))
	p.Segment, p.Next, p.NextAt = segment.Churned, segment.None, profile.None
	require.Equal(t, profile.None, p.Wake(horizon), "an order or a tombstone needs no one's hand while a segment stands")
}

// One step to s gives the same bytes as many, and a second one changes nothing.
func TestExpireInOneStepOrMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pol := policy.Default()
		pol.Window = policy.Duration(rapid.SampledFrom([]int64{1, day, 20 * day}).Draw(t, "window"))
		h := pol.Horizon()
		evs := rapid.SliceOfN(events(40*day, event.Purchase, event.Refund, event.Click, event.Forget), 1, 40).Draw(t, "events")
		one, many := profile.New(), profile.New()
		s := fold(&one, evs, pol)
		fold(&many, evs, pol)
		one.Version, many.Version = 3, 3

		end, dropped := s, 0
		for _, step := range rapid.SliceOfN(rapid.Int64Range(0, 10*day), 1, 10).Draw(t, "steps") {
			end += step
			dropped += many.Expire(end, h)
		}
		require.Equal(t, dropped, one.Expire(end, h))
		want := string(one.Append(nil))
		require.Equal(t, want, string(many.Append(nil)))
		require.Zero(t, one.Expire(end, h))
		require.Equal(t, want, string(one.Append(nil)))
		for i := range one.Orders {
			require.Greater(t, one.Orders[i].LastAt+h+7*day, end)
		}
	})
}

// A producer that stamps its records itself can date one at the end of time.
func TestTimesAtTheEndOfInt64(t *testing.T) {
	const end = math.MaxInt64 - 5
	pol := policy.Default()
	p, f, r := profile.New(), forget("f", end), refund("r", "o", 1, end+1)
	p.Apply(&f, end, pol)
	p.Apply(&r, end+1, pol)
	require.Equal(t, profile.None, p.Wake(horizon))
	q := profile.New()
	require.NoError(t, q.Decode(p.Append(nil)))
	require.Equal(t, visible(p), visible(q))

	pol.MaxLedgerOrders = 1 // folds
	q.Reset()
	for i, order := range []string{"a", "b", "c"} {
		ev := purchase(order, 1, end+int64(i))
		require.Equal(t, profile.Applied, q.Apply(&ev, ev.Time, pol))
	}
	require.Equal(t, []int32{math.MaxInt32}, q.Lifetime.Days)
	require.NoError(t, p.Decode(q.Append(nil)))
	require.Equal(t, visible(q), visible(p))
}
