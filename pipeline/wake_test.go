package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
)

// eventful is a world in which a shard has all of its I/O before it: Redis went
// back behind what was published, records come that are bad and good, timers are
// due, and changes must be durable before they are published.
func eventful(t *testing.T) *bench {
	durable := func(c *ShardConfig) {
		byTheWall(c)
		c.Durable = true
	}
	b := newBench(t, durable)
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 1}
	at := b.clock.Now
	b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.run()
	require.EqualValues(t, 1, b.state.Topics[1].Next)
	before, customers, timers, outbox := b.state.Clone(), maps.Clone(b.customers), maps.Clone(b.timers), b.outbox
	b.append(t, "purchases", at, "bad", purchase("e2", "c-1", "2026-01-02T10:00:00Z", "1"))
	b.append(t, "purchases", at, purchase("e3", "c-1", "2026-01-03T10:00:00Z", "1"), "bad")
	b.run()
	require.Len(t, b.sent, 2)
	b.append(t, "purchases", at, purchase("e4", "c-2", "2026-01-04T10:00:00Z", "1"), "bad")
	b.state, b.customers, b.timers, b.outbox = before, customers, timers, outbox
	b.shard = newBench(t, durable).shard
	return b
}

// requireRest holds that a shard which has nothing to do now wants to be woken
// later, not now: its driver would not sleep at all.
func (b *bench) requireRest(t *testing.T) {
	if at, ok := b.shard.WakeAt(b.clock); ok {
		require.Greater(t, at, b.clock.Tick, "phase %d, letters %d", b.shard.phase, len(b.shard.open.letters))
	}
}

func TestAShardThatCannotGoOnSleeps(t *testing.T) {
	ways := map[string]func(*bench, *Op){
		"hangs": func(*bench, *Op) {},
		"fails": func(b *bench, op *Op) {
			op.Err = errors.New("away")
			b.shard.Done(op, b.clock)
		},
	}
	for kind := OpHead; kind < opKinds; kind++ {
		for way, answer := range ways {
			met := 0
			for from := 1; from == 1 || met >= from-1 && from < 6; from++ { // of that kind, all from this one on
				t.Run(fmt.Sprintf("%s/%s/%d", kind, way, from), func(t *testing.T) {
					b := eventful(t)
					met = 0
					hook := func(op *Op) bool {
						if op.Kind != kind {
							return false
						}
						if met++; met < from {
							return false
						}
						answer(b, op)
						return true
					}
					for i := range 80 {
						b.drive(hook)
						b.requireRest(t)
						b.feed()
						b.drive(hook)
						b.requireRest(t)
						if i == 20 {
							b.append(t, "purchases", b.clock.Now, purchase("e5", "c-3", "2026-01-05T10:00:00Z", "1"), "bad")
						}
						b.pass(700)
					}
					if from == 1 {
						require.Positive(t, met, "the shard never asked for this")
					}
				})
			}
		}
	}
}

// dueLater is a shard with a timer that is due three months later, and nothing else.
func dueLater(t *testing.T) *bench {
	b := newBench(t, byTheWall)
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:02Z"), Tick: 1}
	b.run()
	b.pass(idleCommit)
	b.run()
	require.Len(t, b.sent, 1)
	require.Len(t, b.timers, 1)
	return b
}

func TestATimerThatIsDueWakesNobodyWhileKafkaIsAway(t *testing.T) {
	b := dueLater(t)
	b.pass(120 * 24 * 3600 * 1000)
	for range 10 {
		b.drive(nil)
		at, ok := b.shard.WakeAt(b.clock)
		require.True(t, ok)
		require.GreaterOrEqual(t, at-b.clock.Tick, int64(idleCommit))
		b.pass(at - b.clock.Tick)
	}
	require.EqualValues(t, 1, b.state.Changes, "what nobody said is not known: an event may still come before the timer")
	b.feed()
	b.drive(nil)
	require.EqualValues(t, 2, b.state.Changes)
}

func TestAShardWakesWhenItsTimerIsDue(t *testing.T) {
	b := dueLater(t)
	due := ms(t, "2026-04-01T10:00:00Z") + 2000
	b.pass(due - 300 - b.clock.Now)
	b.feed()
	b.drive(nil)
	at, ok := b.shard.WakeAt(b.clock)
	require.True(t, ok)
	require.EqualValues(t, 300, at-b.clock.Tick)
	b.pass(300)
	b.drive(nil)
	require.EqualValues(t, 2, b.state.Changes, "the answer from Kafka is young enough")
}

func TestATakeOverThatWaitsForAPublicationSleeps(t *testing.T) {
	b := eventful(t)
	var publication *Op
	hold := func(op *Op) bool {
		if op.Kind == OpPublish {
			publication = op
		}
		return op.Kind == OpPublish
	}
	for range 40 {
		b.drive(hold)
		b.feed()
		b.pass(700)
	}
	require.NotNil(t, publication)
	b.shard.lose("doubt")
	for range 40 {
		b.drive(hold)
		b.requireRest(t)
		b.pass(700)
	}
	require.Equal(t, phaseBounds, b.shard.phase, "what may still land must be read back")
	b.serve(publication)
	b.shard.Done(publication, b.clock)
	b.drive(nil)
	require.Equal(t, phaseLive, b.shard.phase)
}
