package pipeline

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is a shard that saw so many customers at one instant, of which all will
// move to the edge at one instant.
func seen(t *testing.T, customers int) *bench {
	b := newBench(t, byTheWall)
	b.clock = Clock{Now: ms(t, "2026-01-01T10:00:00Z"), Tick: 1}
	values := make([]string, customers)
	for i := range values {
		values[i] = purchase(fmt.Sprint("e-", i), fmt.Sprint("c-", i), "2026-01-01T10:00:00Z", "1")
	}
	b.append(t, "purchases", b.clock.Now, values...)
	b.run()
	require.Equal(t, customers, len(b.sent))
	return b
}

func TestAWaveOfTimersLeavesRoomForEvents(t *testing.T) {
	const customers, took = 250, 10
	b := seen(t, customers)
	b.clock.Now = ms(t, "2026-05-01T00:00:00Z")
	var pieces, rests []int64
	var ended int64 // tick of the last commit
	var kinds []OpKind
	watch := func(op *Op) bool {
		kinds = append(kinds, op.Kind)
		switch op.Kind {
		case OpDue:
			if ended > 0 {
				rests = append(rests, b.clock.Tick-ended)
			}
		case OpCommit:
			pieces = append(pieces, int64(len(op.Commit.Customers)))
			b.pass(took)
			ended = b.clock.Tick
		default:
		}
		return false
	}
	b.feed()
	b.drive(watch)
	require.Equal(t, []int64{100}, pieces)
	at, ok := b.shard.WakeAt(b.clock)
	require.True(t, ok)
	require.Equal(t, b.clock.Tick+timerRest*took, at, "it is called when the rest is over")

	// In between somebody comes: he is stored and told without a look at timers.
	kinds = nil
	b.append(t, "purchases", b.clock.Now, purchase("e", "new", "2026-05-01T00:00:00Z", "1"))
	b.feed()
	b.drive(watch)
	require.Equal(t, []OpKind{OpLoad, OpCommit, OpPublish}, kinds)
	ended -= took // it took its part of the rest

	for len(b.sent) < 2*customers+1 {
		at, ok := b.shard.WakeAt(b.clock)
		require.True(t, ok)
		require.Greater(t, at, b.clock.Tick)
		b.pass(at - b.clock.Tick)
		b.feed()
		b.drive(watch)
	}
	require.Equal(t, []int64{100, 1, 100, 50}, pieces)
	require.Equal(t, []int64{timerRest * took, timerRest * took}, rests)
}

func TestTheRestFromTimersHasAnEnd(t *testing.T) {
	b := seen(t, 150)
	b.clock.Now = ms(t, "2026-05-01T00:00:00Z")
	b.feed()
	b.drive(func(op *Op) bool {
		if op.Kind == OpCommit && len(op.Commit.Customers) > 0 {
			b.pass(900)
		}
		return false
	})
	require.Equal(t, 150+100, len(b.sent))
	fired := func() bool {
		before := b.ops[OpDue]
		b.drive(nil)
		return b.ops[OpDue] > before
	}
	b.pass(longestRest - 1)
	require.False(t, fired())
	b.pass(1)
	require.True(t, fired())
}

func TestBehindABacklogTimersDoNotRest(t *testing.T) {
	b := seen(t, 250)
	b.clock.Now = ms(t, "2026-09-01T00:00:00Z")
	b.append(t, "purchases", b.clock.Now, purchase("e", "old", "2026-05-01T00:00:00Z", "1"))
	b.feed()
	fired := 0
	b.drive(func(op *Op) bool {
		if op.Kind == OpCommit && fired == 0 {
			fired = len(op.Commit.Customers)
		}
		return false
	})
	require.Equal(t, 251, fired, "all at once, with the event")
}
