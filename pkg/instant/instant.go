// Package instant reads and writes the one kind of time that Tidemark knows: whole milliseconds since
// 1970-01-01T00:00:00Z, as an int64.
//
// The standard library's time is not used on these paths: its RFC 3339 parser is laxer than the contract of the input
// events, and a million events a second leave no room for a general one.
package instant

import "math"

// None stands for an instant that is absent. It is earlier than every other one.
const None int64 = math.MinInt64

const (
	second = 1000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	// last is 9999-12-31T23:59:59.999Z, the latest instant that Parse accepts.
	last = 253402300799999
)
