package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Whoever does not move any more is stuck, but for those that have ended or
// stopped: a new process would not help them.
func TestStuck(t *testing.T) {
	tick := int64(0)
	p, err := New(Config{Namespace: "test", Inputs: []string{"clicks"}, Changes: "changes", Partitions: 5, Policy: policy.Default(), WallClock: true,
		Publish: PublishAll, Until: instant.None, Limits: DefaultLimits(), Clock: func() Clock { return Clock{Tick: tick} }, Log: zap.NewNop()}, Ports{})
	require.NoError(t, err)
	drivers, err := p.drivers([]int32{0, 1, 2, 3, 4}, alone{}, nil)
	require.NoError(t, err)
	for i, phase := range []Phase{TakingOver, Silent, Live, Stopped, Ended} {
		drivers[i].status.Store(&Status{Shard: int32(i), Phase: phase})
	}
	tick = stuckAfter.Milliseconds()
	require.Empty(t, p.Stuck())
	tick++
	require.Equal(t, []int32{0, 1, 2}, p.Stuck())
	drivers[1].turned.Store(tick)
	require.Equal(t, []int32{0, 2}, p.Stuck())
}
