//go:build mutants

package planted

import "sync/atomic"

var (
	active  Bug
	strikes atomic.Int64
)

// On reports that the bug strikes here and now.
func (b Bug) On() bool {
	if active != b {
		return false
	}
	strikes.Add(1)
	return true
}

// Plant switches one bug on and all others off. Nothing that could strike may run
// meanwhile.
func Plant(b Bug) {
	active = b
	strikes.Store(0)
}

// Strikes is how often the planted bug has struck.
func Strikes() int64 { return strikes.Load() }
