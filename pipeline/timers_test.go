package pipeline

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is a shard that saw so many customers at one instant, of which all move to
// the edge at one instant; the clock shows it.
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
	b.shard.eventful = 0 // as if the last commit had been a small one
	b.clock.Now = ms(t, "2026-05-01T00:00:00Z")
	return b
}

// taking lets a commit of customers take so many ms, and notes how large those were.
func (b *bench) taking(ms int64, commits *[]int) func(*Op) bool {
	return func(op *Op) bool {
		if op.Kind == OpCommit && len(op.Commit.Customers) > 0 {
			*commits = append(*commits, len(op.Commit.Customers))
			b.pass(ms)
		}
		return false
	}
}

func TestAWaveOfTimersLeavesRoomForEvents(t *testing.T) {
	const customers, took, rest = 250, 10, timerRest * 10
	b := seen(t, customers)
	var commits []int
	watch := b.taking(took, &commits)
	b.feed()
	b.drive(watch)
	require.Equal(t, []int{100}, commits)
	over := b.clock.Tick + rest
	at, ok := b.shard.WakeAt(b.clock)
	require.True(t, ok)
	require.Equal(t, over, at)

	// In between somebody comes: he is stored and told without a look at timers.
	looks := b.ops[OpDue]
	b.append(t, "purchases", b.clock.Now, purchase("e", "new", "2026-05-01T00:00:00Z", "1"))
	b.feed()
	b.drive(watch)
	require.Equal(t, []int{100, 1}, commits)
	require.Equal(t, customers+100+1, len(b.sent))
	b.pass(over - b.clock.Tick - 1)
	b.drive(watch)
	require.Equal(t, looks, b.ops[OpDue])
	b.pass(1)
	b.drive(watch)
	require.Equal(t, []int{100, 1, 100}, commits)

	b.pass(rest)
	b.drive(watch)
	require.Equal(t, []int{100, 1, 100, 50}, commits)
	require.Zero(t, b.shard.piece.rest, "that was the end of the wave")
	require.Equal(t, 2*customers+1, len(b.sent))
}

func TestTheRestEndsThoughAnInputIsWaitedFor(t *testing.T) {
	b := seen(t, 150)
	b.feed()
	b.drive(b.taking(10, new([]int)))
	over := b.shard.piece.rest
	require.Greater(t, over, b.clock.Tick)
	b.ends["clicks"]++ // a record that cannot be read yet
	b.feed()
	require.True(t, b.shard.waitsForAny())
	at, ok := b.shard.WakeAt(b.clock)
	require.True(t, ok)
	require.Equal(t, over, at)
}

func TestTheRestFromTimersIsBounded(t *testing.T) {
	b := seen(t, 150)
	b.feed()
	b.drive(b.taking(900, new([]int)))
	require.Equal(t, b.clock.Tick+longestRest, b.shard.piece.rest)
	looks := b.ops[OpDue]
	b.pass(longestRest - 1)
	b.drive(nil)
	require.Equal(t, looks, b.ops[OpDue])
	b.pass(1)
	b.drive(nil)
	require.Greater(t, b.ops[OpDue], looks)
}

func TestATakeOverEndsTheRest(t *testing.T) {
	b := seen(t, 150)
	b.feed()
	b.drive(b.taking(10, new([]int)))
	require.Equal(t, 150+100, len(b.sent))
	b.shard.lose("test")
	b.pass(20) // less than the rest
	b.drive(nil)
	b.feed()
	b.drive(nil)
	require.Equal(t, 150+150, len(b.sent))
}

func TestAWaveDoesNotRestWhereNoEventWaits(t *testing.T) {
	for name, prepare := range map[string]func(*bench){
		"none comes": func(b *bench) {
			b.pass(lively + 1)
			b.feed()
		},
		"a backlog is before it": func(b *bench) {
			b.append(t, "purchases", b.clock.Now, purchase("e", "old", "2026-05-01T00:00:00Z", "1"))
			b.ends["purchases"]++ // and more, which is not given out yet
			b.clock.Now = ms(t, "2026-09-01T00:00:00Z")
			b.feed()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := seen(t, 2500)
			prepare(b)
			var commits []int
			b.drive(b.taking(10, &commits))
			require.GreaterOrEqual(t, len(b.sent), 2*2500)
			require.Contains(t, commits, b.shard.cfg.Limits.TimerPiece)
			require.Zero(t, b.shard.piece.rest)
		})
	}
}

func TestTimersTakeAsMuchAsEventsDo(t *testing.T) {
	const customers, events = 2000, 400
	b := seen(t, customers)
	var commits []int
	var news []string
	for i := range events {
		news = append(news, purchase(fmt.Sprint("n-", i), fmt.Sprint("n-", i), "2026-04-30T23:59:58Z", "1"))
	}
	b.shard.eventful = events // as if such commits went before
	b.append(t, "purchases", b.clock.Now, news...)
	b.feed()
	b.drive(b.taking(10, &commits))
	require.Contains(t, commits, events+events, "the piece is as large as what events brought")
	require.Equal(t, b.clock.Tick+timerRest*10/2, b.shard.piece.rest, "it caused one half of what the commit took")
}

func TestRightAfterATakeOverEventsAreExpected(t *testing.T) {
	b := seen(t, 250)
	b.pass(lively + 1)
	b.shard.lose("test")
	b.pass(1000)
	var commits []int
	watch := b.taking(10, &commits)
	b.drive(watch)
	b.feed()
	b.drive(watch)
	require.Equal(t, []int{100}, commits)
}

func TestAWaveThatLastsYieldsNoLonger(t *testing.T) {
	b := seen(t, 2500)
	var commits []int
	watch := b.taking(10, &commits)
	b.feed()
	b.drive(watch)
	require.Equal(t, []int{100}, commits)
	b.clock.Tick += longestWave - 50 // as if pieces had come and gone
	next := func() {
		b.shard.heard = b.clock.Tick // events came all the time
		b.feed()
		b.drive(watch)
	}
	next()
	require.Equal(t, []int{100, 100}, commits)
	b.pass(longestRest)
	next()
	require.Equal(t, []int{100, 100, 1000, 1000, 300}, commits)
	require.Zero(t, b.shard.piece.since, "the next one yields again")
}
