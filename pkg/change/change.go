package change

import (
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Dimension is the way of segmenting that these changes speak of; later dimensions share the value's shape.
const Dimension = "lifecycle"

// Kind is what made a customer move. The zero Kind is none and is never published.
type Kind uint8

// The kinds of cause, a closed list.
const (
	Event     Kind = iota + 1 // an event of the customer, named in the change
	Timer                     // time passed: a deadline of the customer was reached
	Policy                    // a new policy took effect
	Forget                    // the customer was erased
	Bootstrap                 // first publication after a silent start
	Recovery                  // Redis had lost what was published
)

// Kinds is the number of kinds, the zero one included: an array indexed by Kind
// has this length.
const Kinds = 7

var kindNames = [...]string{Event: "event", Timer: "timer", Policy: "policy", Forget: "forget", Bootstrap: "bootstrap", Recovery: "recovery"}

// String is the kind's name in the published value, "" for the zero Kind.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return ""
	}
	return kindNames[k]
}

// Change is one move of one customer, as the rules produce it and before it is encoded.
//
// Customer and EventID may share memory with the input record that caused the change: encode it
// before that memory is used again, or clone them.
type Change struct {
	Customer string
	Version  int64           // counts this customer's changes from 1, without gaps
	From, To segment.Segment // segment.None is written as null

	// EffectiveAt is unix milliseconds UTC: a timer's deadline, for an event the stream time at
	// which it was applied.
	EffectiveAt int64

	Cause     Kind
	EventID   string     // with cause Event only
	EventType event.Type // with cause Event only

	// Profile is the customer as of EffectiveAt. It is written as null unless HasProfile:
	// nothing may be told about a customer who was erased.
	Profile    rfm.Summary
	HasProfile bool

	// Next is where the customer goes at NextAt (unix milliseconds) if nothing happens;
	// segment.None: nowhere, and null is written.
	Next   segment.Segment
	NextAt int64
}
