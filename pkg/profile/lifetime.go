package profile

import (
	"math"
	"slices"

	"github.com/tidemark/tidemark/pkg/money"
)

// Lifetime sums up the counted orders that have left the ledger.
type Lifetime struct {
	// Orders is their number and Amount the sum of their net amounts,
	// saturating.
	Orders, Amount int64
	// FirstDayAmount is the part of Amount bought on the first of Days. Models
	// of spending leave that day out, and it could not be told afterwards.
	FirstDayAmount int64
	// Days are the distinct UTC days with a counted order, counted from
	// 1970-01-01, ascending.
	Days []int32
	// First and Last are the times of the earliest and the latest of them.
	First, Last int64
}

// fold adds an order that leaves the ledger; one that does not count leaves no
// trace. The result does not depend on the order of folding.
func (l *Lifetime) fold(o *Order) {
	if !o.Counts() {
		return
	}
	if l.Orders == 0 {
		l.First, l.Last = o.Time, o.Time
	}
	l.Orders++
	l.First, l.Last = min(l.First, o.Time), max(l.Last, o.Time)
	l.addDay(Day(o.Time), o.Net())
	l.Amount = money.AddSaturating(l.Amount, o.Net())
}

// addDay books an amount on a day. FirstDayAmount always belongs to the
// earliest day so far: an earlier one begins it anew.
func (l *Lifetime) addDay(day int32, amount int64) {
	i, known := slices.BinarySearch(l.Days, day)
	if !known {
		l.Days = slices.Insert(l.Days, i, day)
		if i == 0 {
			l.FirstDayAmount = 0
		}
	}
	if i == 0 {
		l.FirstDayAmount = money.AddSaturating(l.FirstDayAmount, amount)
	}
}

// Day returns the UTC day of an event time, counted from 1970-01-01. Times beyond
// int32's days, which only a record's own timestamp can have, share the last one.
func Day(ms int64) int32 {
	const day = 24 * 60 * 60 * 1000
	return int32(min(ms/day, math.MaxInt32))
}
