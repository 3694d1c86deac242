package profile

import (
	"math"
	"unsafe"

	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/segment"
)

// None marks an absent time. It equals instant.None, and is smaller than any
// event time, so "t <= None" is false for every event without a test for
// absence.
const None int64 = math.MinInt64

// Mark says why a profile's published segment cannot be taken at face value.
type Mark uint8

const (
	// Unmarked profiles publish as ever.
	Unmarked Mark = iota
	// Pending means: begun while the shard was silent; the world has not been told
	// of this customer yet.
	Pending
	// Adopted means: version and segment were taken from the changes topic after a
	// rollback of the store, so they may be ahead of the ledger.
	Adopted
)

// Profile is everything kept about one customer. All times are Unix
// milliseconds, None when absent; amounts are minor units of the base
// currency. The ledger's fields are changed by Apply and Expire alone (they
// keep caches of them); the published state below is the caller's.
//
// A copy of the struct shares its slices with the original: after copying, go
// on with one of the two.
type Profile struct {
	// Orders are the orders inside the horizon by (Time, ID bytes). Those of
	// which only refunds are known have no Time and so come first.
	Orders   []Order
	Lifetime Lifetime

	// FirstSeen and LastSeen are the earliest and the latest event time of all
	// purchases and clicks that took effect, counted or not.
	FirstSeen, LastSeen int64

	// Floor is the greatest time of the orders that were folded early: events
	// at or before it have no effect.
	Floor int64

	// ForgottenAt is the stream time of the erasure whose tombstone still
	// stands, and ForgetID the hash of that event's id.
	ForgottenAt int64
	ForgetID    uint64

	// Segment, Since and Version are what was published last; Next and NextAt
	// the segment that follows, and when, if no event arrives.
	Segment segment.Segment
	Since   int64
	Version int64
	Next    segment.Segment
	NextAt  int64

	// Armed is the score of the customer's entry among the shard's timers.
	Armed int64
	Mark  Mark

	// earliest is a lower bound of all LastAt: while it is not due, no order
	// is, and Expire need not look at them. Zero, before any event, is always
	// a valid bound.
	earliest int64
	// prints holds one byte of every order id's hash, or nothing while the
	// orders are few. See find.
	prints []byte
	// dropped counts refunds for TakeDropped. It is not stored.
	dropped int
}

// TakeDropped returns how many refunds waited for their order in vain and were
// dropped since it was asked last: nothing else tells of them.
func (p *Profile) TakeDropped() int {
	n := p.dropped
	p.dropped = 0
	return n
}

// New returns the profile of a customer of whom nothing is known.
func New() Profile {
	return Profile{
		Lifetime:  Lifetime{First: None, Last: None},
		FirstSeen: None, LastSeen: None, Floor: None, ForgottenAt: None,
		Since: None, NextAt: None, Armed: None,
	}
}

// Reset makes p a new profile and keeps its memory for the next use.
func (p *Profile) Reset() {
	orders, prints := p.Orders, p.prints
	clear(orders)
	*p = New()
	p.Orders, p.prints = orders[:0], prints[:0]
}

// LastOrder returns the time of the latest counted order, in the ledger or
// folded, None without one: not None is what makes a buyer. A folded order can
// be the later, as what keeps one in the ledger is its latest event of any kind.
func (p *Profile) LastOrder() int64 {
	for i := len(p.Orders) - 1; i >= 0; i-- {
		if p.Orders[i].Counts() {
			return max(p.Orders[i].Time, p.Lifetime.Last)
		}
	}
	if p.Lifetime.Last != None && planted.FoldedForgotten.On() {
		return None
	}
	return p.Lifetime.Last
}

// Empty reports whether nothing is left to store: no ledger, no tombstone, no
// segment and no version to go on from.
func (p *Profile) Empty() bool {
	return len(p.Orders) == 0 && p.Lifetime.Orders == 0 && p.FirstSeen == None && p.Floor == None &&
		p.ForgottenAt == None && p.Segment == segment.None && p.Version == 0 && p.Mark == Unmarked
}

// Size is roughly the number of bytes the profile occupies in memory, for
// budgets. It takes time in proportion to the number of orders.
func (p *Profile) Size() int {
	size := int(unsafe.Sizeof(*p)) + cap(p.Orders)*int(unsafe.Sizeof(Order{})) +
		4*cap(p.Lifetime.Days) + cap(p.prints)
	for i := range p.Orders {
		size += len(p.Orders[i].ID) + cap(p.Orders[i].Refunds)*int(unsafe.Sizeof(Refund{}))
	}
	return size
}
