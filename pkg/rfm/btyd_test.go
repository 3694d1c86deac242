package rfm_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
)

func TestBuyTillYouDie(t *testing.T) {
	p := fold(policy.Default(),
		purchase("a", 500, start), purchase("b", 100, start+day-1), // one purchase day
		purchase("c", 300, start+10*day), refund("c", 100, start+11*day),
		purchase("d", 50, start+10*day+5),
		purchase("e", 9, start+20*day), refund("e", 9, start+20*day)) // does not count
	b, ok := rfm.BuyTillYouDie(&p, start+35*day)
	require.True(t, ok)
	require.Equal(t, rfm.BTYD{Frequency: 1, Recency: 10, Age: 35, RepeatAmount: 250}, b)
	x, recency, age := b.Weeks()
	require.Equal(t, []float64{1, 10. / 7, 5}, []float64{x, recency, age})
	require.Equal(t, 250., b.Monetary())
}

// What keeps an order in the ledger is its latest event, so the first purchase
// day may be there while later ones are folded.
func TestFirstDayMayStillBeInTheLedger(t *testing.T) {
	pol := policy.Default()
	pol.Window = policy.Duration(day)
	p := fold(pol, purchase("a", 500, start), purchase("b", 70, start+2*day), purchase("a", 500, start+7*day), purchase("c", 8, start+10*day))
	require.Len(t, p.Orders, 2)
	b, ok := rfm.BuyTillYouDie(&p, start+10*day)
	require.True(t, ok)
	require.Equal(t, rfm.BTYD{Frequency: 2, Recency: 10, Age: 10, RepeatAmount: 78}, b)
	require.Equal(t, 39., b.Monetary())
}

func TestOneTimeBuyerHasNoRepetition(t *testing.T) {
	p := fold(policy.Default(), purchase("a", 500, start))
	b, ok := rfm.BuyTillYouDie(&p, start+70*day)
	require.True(t, ok)
	require.Equal(t, rfm.BTYD{Age: 70}, b)
	require.Zero(t, b.Monetary())
}

func TestWithoutACountedOrderThereAreNoStatistics(t *testing.T) {
	p := fold(policy.Default(), purchase("a", 5, start), refund("a", 5, start))
	_, ok := rfm.BuyTillYouDie(&p, start+day)
	require.False(t, ok)
	p = profile.New()
	_, ok = rfm.BuyTillYouDie(&p, start)
	require.False(t, ok)
}

// Folding orders, by age or by number, loses nothing of the statistics.
func TestStatisticsSurviveFolding(t *testing.T) {
	folded := 0
	rapid.Check(t, func(t *rapid.T) {
		keep, drop := policy.Default(), policy.Default()
		drop.Window = policy.Duration(rapid.SampledFrom([]int64{1, 10 * day}).Draw(t, "window"))
		drop.MaxLedgerOrders = rapid.SampledFrom([]int{1, 3, 512}).Draw(t, "limit")
		a, b, s := profile.New(), profile.New(), start
		for i := range rapid.IntRange(1, 30).Draw(t, "orders") {
			s += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, day), rapid.Int64Range(0, 9*day)).Draw(t, "gap")
			ev := purchase(fmt.Sprint(i), rapid.Int64Range(0, 999).Draw(t, "amount"), s)
			a.Expire(s, keep.Horizon())
			a.Apply(&ev, s, keep)
			b.Expire(s, drop.Horizon())
			if b.Apply(&ev, s, drop) != profile.Applied {
				return // below the floor: the two have seen different events
			}
		}
		folded += int(b.Lifetime.Orders)
		want, _ := rfm.BuyTillYouDie(&a, s+day)
		got, ok := rfm.BuyTillYouDie(&b, s+day)
		require.True(t, ok)
		require.Equal(t, want, got)
	})
	require.NotZero(t, folded)
}
