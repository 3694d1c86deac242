package event

import "fmt"

// Reason says why a record was rejected. The list is closed.
type Reason uint8

// The reasons, in the order in which they are looked for. OK, the zero value, is the absence of one.
const (
	OK Reason = iota
	Oversized
	Malformed
	MissingField
	BadValue
	UnknownType
	UnknownCurrency
	Misplaced
	FutureDated
	TooLate

	// Count is the number of values, OK among them: the length of an array indexed by Reason.
	Count = int(iota)
)

// Reasons lists every reason to reject a record.
var Reasons = [...]Reason{
	Oversized, Malformed, MissingField, BadValue, UnknownType, UnknownCurrency, Misplaced, FutureDated, TooLate,
}

var reasonNames = [Count]string{
	"ok", "oversized", "malformed", "missing_field", "bad_value", "unknown_type", "unknown_currency", "misplaced",
	"future_dated", "too_late",
}

// String is the name of the reason in a dead letter.
func (r Reason) String() string {
	if int(r) >= Count {
		return fmt.Sprintf("reason(%d)", uint8(r))
	}
	return reasonNames[r]
}
