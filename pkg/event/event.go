package event

import "fmt"

// Type says what happened.
type Type uint8

// The types of events. The zero value is none of them.
const (
	Purchase Type = iota + 1
	Refund
	Click
	Forget
)

var typeNames = [...]string{Purchase: "purchase", Refund: "refund", Click: "click", Forget: "forget"}

// String is the name of the type in an event.
func (t Type) String() string {
	if t < Purchase || t > Forget {
		return fmt.Sprintf("type(%d)", uint8(t))
	}
	return typeNames[t]
}

// Event is one thing that one customer did. Its strings may share memory with the value that was decoded: clone what
// outlives that.
type Event struct {
	Type     Type
	ID       string // the producer's unique id, 1–128 bytes
	Customer string // 1–256 bytes
	OrderID  string // purchase and refund: 1–128 bytes; else empty
	Action   string // click: what was done, not empty; else empty

	Amount int64 // purchase and refund: minor units of the base currency, ≥ 0
	Whole  bool  // a refund without amount: of the whole order

	OccurredAt int64 // as the producer said, unix milliseconds; instant.None where he said nothing
	Time       int64 // event time, unix milliseconds: the earlier of OccurredAt and the record's timestamp
}
