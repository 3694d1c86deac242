//go:build !failpoints

package pipeline

// pass does nothing: the compiler removes every fail point.
func pass(OpKind, string) {}

// clockShift is nothing: the clock is the system's.
func clockShift() int64 { return 0 }
