package pipeline

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
)

// fence refuses what another owner's head forbids, as the store does.
func (b *bench) fence(op *Op) bool {
	if op.Kind == OpCommit && op.Commit.Head != b.state.Head || op.Kind == OpTake && op.Expect != b.state.Head {
		op.Err = store.ErrFenced
		b.shard.Done(op, b.clock)
		return true
	}
	return false
}

func TestTwoOwnersTakeAShardFromEachOtherEverMoreSlowly(t *testing.T) {
	b := newBench(t, byTheWall)
	other := newBench(t, func(c *ShardConfig) {
		byTheWall(c)
		tokens := 0
		c.Token = func() string { tokens++; return fmt.Sprint("other", tokens) }
		c.Jitter = func() float64 { return 0.3 }
	})
	owners := []*Shard{b.shard, other.shard}
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 1}
	for n := range 4000 {
		if n%5 == 0 { // each event a change: either finds that the other has published
			b.append(t, "purchases", b.clock.Now, purchase(fmt.Sprint("e", n), fmt.Sprint("c-", n), "2026-01-01T10:00:00Z", "1"))
		}
		for _, owner := range owners {
			b.shard = owner
			b.drive(b.fence)
			b.feed()
			b.drive(b.fence)
			require.Nil(t, owner.Stopped())
		}
		b.pass(5)
	}
	for _, owner := range owners {
		tally := owner.Tally()
		require.Positive(t, tally.Fenced)
		require.Less(t, tally.Fenced, int64(50), "20 s, and a second between two tries: %v", tally.TakeOvers)
	}
}

func TestPeaceEndsTheWaitBetweenTakeOvers(t *testing.T) {
	for _, c := range []struct {
		lasted int64
		wait   int64 // Jitter is 0: half of 20 ms doubled
	}{{peace - 1, 20}, {peace, 10}} {
		b := newBench(t, byTheWall)
		b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
		b.drive(b.failing(OpHead, context.DeadlineExceeded))
		b.pass(1000)
		b.drive(nil)
		b.pass(c.lasted)
		b.feed()
		b.drive(nil)
		require.EqualValues(t, 1, b.state.Topics[1].Next, "it committed")
		b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e2", "c-1", "2026-01-01T10:00:00Z", "1"))
		b.feed()
		b.drive(b.failing(OpCommit, store.ErrFenced))
		at, ok := b.shard.WakeAt(b.clock)
		require.True(t, ok)
		require.Equal(t, c.wait, at-b.clock.Tick)
	}
}

func TestAShardThatIsTakingOverIsDrained(t *testing.T) {
	b := newBench(t, nil)
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.drive(b.failing(OpHead, context.DeadlineExceeded))
	require.False(t, b.shard.Drained(), "nobody asked")
	b.shard.Drain()
	require.True(t, b.shard.Drained(), "nothing is in hand, and the store may never answer")
}

func TestAShardIsNotDrainedWhileAPublicationMayStillLand(t *testing.T) {
	b := newBench(t, nil)
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.drive(nil)
	b.feed()
	var publication *Op
	b.drive(func(op *Op) bool {
		if op.Kind == OpPublish {
			publication = op
		}
		return op.Kind == OpPublish
	})
	require.NotNil(t, publication)
	b.shard.lose("doubt")
	b.shard.Drain()
	require.False(t, b.shard.Drained())
	b.serve(publication)
	b.shard.Done(publication, b.clock)
	require.True(t, b.shard.Drained())
}
