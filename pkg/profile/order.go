package profile

import "github.com/tidemark/tidemark/pkg/planted"

// Order is what is kept about one order inside the horizon.
type Order struct {
	// ID is kept whole: the contract breaks ties of early folding by its
	// bytes, which a hash could not do.
	ID string
	// Time is the earliest event time of the order's purchases, None while
	// only refunds of it have arrived.
	Time int64
	// Amount is what the order cost by its latest purchase event, AmountAt
	// that event's time (None without a purchase).
	Amount, AmountAt int64
	// LastAt is the latest event time of the order's events of any kind. The
	// order stays for one horizon and the grace from there.
	LastAt int64
	// Refunds are in ascending order of their ids.
	Refunds []Refund

	// refunded is the saturating sum of the first summed refunds, so that an
	// order with thousands of them need not be added up for each event.
	refunded int64
	summed   int32
	whole    bool
}

// Refund is one refund of an order.
type Refund struct {
	ID     uint64 // xxHash64 of the event's id
	Amount int64  // minor units; 0 when Whole
	Whole  bool   // the refund named no amount: it zeroes the order
}

// Purchased reports whether a purchase of the order has arrived.
func (o *Order) Purchased() bool { return o.Time != None }

// Net is the order's amount less its refunds, never below 0.
func (o *Order) Net() int64 {
	refunded, whole := o.refunds()
	if whole || refunded >= o.Amount {
		return 0
	}
	return o.Amount - refunded
}

// Counts reports whether the order is one of the customer's frequency: its net
// amount is above 0, or it was free and nobody asked for money back.
func (o *Order) Counts() bool {
	if !o.Purchased() {
		return false
	}
	return o.Net() > 0 || o.Amount == 0 && len(o.Refunds) == 0 || planted.RefundedCounts.On()
}
