//go:build race

package sim

// The race detector makes a world some twenty times slower and can find nothing
// in it: a world has one goroutine. A few seeds show that worlds share nothing.
const (
	defaultSeeds = 24
	traceSeeds   = 2
)
