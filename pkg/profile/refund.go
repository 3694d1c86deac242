package profile

import (
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/planted"
)

// refunds returns the saturating sum of the refunds and whether one of them is
// of the whole order. An order put together by hand has no cache and is added up.
func (o *Order) refunds() (sum int64, whole bool) {
	if int(o.summed) == len(o.Refunds) {
		return o.refunded, o.whole
	}
	for i := range o.Refunds {
		sum = money.AddSaturating(sum, o.Refunds[i].Amount)
		whole = whole || o.Refunds[i].Whole
	}
	return sum, whole
}

// cache stores what refunds computes.
func (o *Order) cache() {
	o.refunded, o.whole = o.refunds()
	o.summed = int32(len(o.Refunds))
}

// refund books one refund event. A second copy of an event can only raise its
// refund, so the cached sum only ever grows and saturates as a fresh sum would.
func (o *Order) refund(id uint64, amount int64, whole bool) {
	i, known := o.findRefund(id)
	if !known {
		o.insertRefund(i, id)
	}
	r := &o.Refunds[i]
	switch {
	case r.Whole:
	case whole:
		// The cached sum keeps the amount that an earlier copy named: nothing
		// makes a wholly refunded order worth anything again, so nobody asks.
		r.Amount, r.Whole, o.whole = 0, true, true
	case known && planted.RefundTwice.On():
		o.refunded = money.AddSaturating(o.refunded, amount)
		r.Amount = money.AddSaturating(r.Amount, amount)
	case amount > r.Amount:
		o.refunded = money.AddSaturating(o.refunded, amount-r.Amount)
		r.Amount = amount
	}
}

// findRefund returns the place of a refund, or where it would be inserted.
func (o *Order) findRefund(id uint64) (place int, known bool) {
	lo, hi := 0, len(o.Refunds)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if o.Refunds[mid].ID < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(o.Refunds) && o.Refunds[lo].ID == id
}

func (o *Order) insertRefund(i int, id uint64) {
	o.Refunds = append(o.Refunds, Refund{})
	copy(o.Refunds[i+1:], o.Refunds[i:])
	o.Refunds[i] = Refund{ID: id}
	o.summed++
}
