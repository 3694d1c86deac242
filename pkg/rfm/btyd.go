package rfm

import (
	"math"

	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/profile"
)

// BTYD are the sufficient statistics of the buy-till-you-die models, in their
// own convention, which is not the one of Summary: orders of one UTC day are
// one purchase, the first of which makes a customer and is no repetition, and
// recency is counted from it. See Fader, Hardie & Lee, "Counting Your
// Customers" the Easy Way (2005), section 3.
type BTYD struct {
	// Frequency is x, the number of distinct purchase days after the first.
	Frequency int
	// Recency is t_x, the last purchase day less the first, in days.
	Recency int
	// Age is T, the day of observation less the first purchase day, in days.
	Age int
	// RepeatAmount is what was bought after the first day, net, in minor units
	// of the base currency, saturating.
	RepeatAmount int64
}

const daysPerWeek = 7

// Weeks returns x, t_x and T as the models take them, in weeks.
func (b BTYD) Weeks() (x, recency, age float64) {
	return float64(b.Frequency), float64(b.Recency) / daysPerWeek, float64(b.Age) / daysPerWeek
}

// Monetary is the mean net amount of a repeat day, in minor units; 0 when
// there is none. It is the m of the Gamma-Gamma model.
func (b BTYD) Monetary() float64 {
	if b.Frequency == 0 {
		return 0
	}
	return float64(b.RepeatAmount) / float64(b.Frequency)
}

// BuyTillYouDie returns the statistics over all counted orders of the ledger
// and the lifetime totals, observed at the end of t's UTC day; false where
// there is no counted order. t is not before the latest event in p.
func BuyTillYouDie(p *profile.Profile, t int64) (BTYD, bool) {
	first, last := span(p)
	if last == profile.None {
		return BTYD{}, false
	}
	from := profile.Day(first)
	b := BTYD{
		Recency:   int(profile.Day(last) - from),
		Age:       int(profile.Day(t) - from),
		Frequency: distinctDays(p) - 1,
	}
	if len(p.Lifetime.Days) > 0 {
		b.RepeatAmount = p.Lifetime.Amount
		if p.Lifetime.Days[0] == from {
			b.RepeatAmount -= p.Lifetime.FirstDayAmount
		}
	}
	for i := range p.Orders {
		o := &p.Orders[i]
		if o.Counts() && profile.Day(o.Time) != from {
			b.RepeatAmount = money.AddSaturating(b.RepeatAmount, o.Net())
		}
	}
	return b, true
}

// span returns the times of the first and the last counted order.
func span(p *profile.Profile) (first, last int64) {
	last = p.LastOrder()
	first = int64(math.MaxInt64)
	if p.Lifetime.Orders > 0 {
		first = p.Lifetime.First
	}
	for i := range p.Orders {
		if p.Orders[i].Counts() {
			return min(first, p.Orders[i].Time), last // the orders are in order of time
		}
	}
	return first, last
}

// distinctDays merges the folded days with those of the ledger, both ascending.
func distinctDays(p *profile.Profile) int {
	folded, count := p.Lifetime.Days, len(p.Lifetime.Days)
	previous := int32(-1)
	for i := range p.Orders {
		o := &p.Orders[i]
		if !o.Counts() {
			continue
		}
		day := profile.Day(o.Time)
		for len(folded) > 0 && folded[0] < day {
			folded = folded[1:]
		}
		if day != previous && (len(folded) == 0 || folded[0] != day) {
			count++
		}
		previous = day
	}
	return count
}
