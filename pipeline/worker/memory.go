package worker

import (
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"
)

// Of a container's memory, how much the Go runtime may use, and of that, how much
// the shards may hold. The rest is for answers under way and for garbage.
const (
	ofContainer = 0.9
	ofRuntime   = 0.5
)

// memory sets the runtime's limit by the container's, unless GOMEMLIMIT does, and
// returns how many bytes the shards of this worker may hold together; 0 where
// nothing limits them but their own defaults.
func memory(log *zap.Logger) int64 {
	_, err := memlimit.Set(memlimit.WithRatio(ofContainer))
	if err != nil {
		log.Debug("no memory limit of a container", zap.Error(err))
	}
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return 0
	}
	return int64(float64(limit) * ofRuntime)
}
