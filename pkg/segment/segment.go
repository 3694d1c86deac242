// Package segment names the values of the lifecycle dimension: the four
// segments a customer can be in, and the absence of one.
package segment

// Segment is one value of the lifecycle dimension. Its number is part of
// nothing that is stored or sent: both carry the name.
type Segment uint8

const (
	// None is the lack of a segment: an unknown or forgotten customer, or one
	// of whom only a refund without its order is known. It prints as null.
	None Segment = iota
	// Loyal is a buyer with enough orders in the window, the last one recent.
	Loyal
	// Potential is a recent buyer with fewer orders, or a recent visitor.
	Potential
	// Edge is a buyer or visitor about to be lost.
	Edge
	// Churned is a customer who was lost. Time alone never leads out of it.
	Churned
)

// Count is the number of values, None included: an array indexed by Segment
// has this length.
const Count = 5

var names = [Count]string{None: "", Loyal: "loyal", Potential: "potential", Edge: "edge", Churned: "churned"}

// String returns the name used in changes, in stored profiles and in metrics;
// None and anything out of range give the empty string.
func (s Segment) String() string {
	if s >= Count {
		return ""
	}
	return names[s]
}

// Parse is the inverse of String for the four segments. None has no name of
// its own to parse, so the empty string is refused.
func Parse(name string) (Segment, bool) {
	for s := Loyal; s < Count; s++ {
		if names[s] == name {
			return s, true
		}
	}
	return None, false
}
