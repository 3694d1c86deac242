package pipeline

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/source"
)

// led is a shard by the wall clock that has consumed two purchases, written by
// the first leader of their partition.
func led(t *testing.T) *bench {
	b := newBench(t, byTheWall)
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 1}
	b.written(t, 0, "e1")
	b.written(t, 0, "e2")
	b.drive(nil)
	b.feed()
	b.drive(nil)
	b.watch(3000, nil)
	require.EqualValues(t, 2, b.state.Topics[1].Next)
	require.Equal(t, 0, b.ops[OpRecord])
	return b
}

// watch lets time go by in which the logs are read.
func (b *bench) watch(ms int64, hook func(*Op) bool) {
	for ; ms > 0; ms -= 500 {
		b.pass(500)
		b.feed()
		b.drive(hook)
	}
}

// written has the leader of an epoch write a purchase.
func (b *bench) written(t *testing.T, epoch uint32, id string) {
	from := len(b.logs["purchases"])
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase(id, "c-1", "2026-01-01T10:00:00Z", "1"))
	binary.BigEndian.PutUint32(b.logs["purchases"][from+12:], epoch)
}

func TestANewLeaderShowsThatItHasWhatWasConsumed(t *testing.T) {
	b := led(t)
	b.written(t, 1, "e3")
	b.feed()
	b.drive(nil)
	require.Equal(t, 1, b.ops[OpRecord])
	b.watch(3000, nil)
	require.Nil(t, b.shard.Stopped())
	require.EqualValues(t, 3, b.state.Topics[1].Next)

	b.written(t, 1, "e3")
	b.feed()
	b.drive(nil)
	require.Equal(t, 1, b.ops[OpRecord], "it has shown it once")
	b.pass(3000)
	b.drive(nil)
	require.EqualValues(t, 4, b.state.Topics[1].Next)
}

// remade deletes the topic and makes it again, with as many purchases, other ones.
func (b *bench) remade(t *testing.T, purchases int) {
	b.logs["purchases"], b.ends["purchases"], b.places = nil, 0, map[string]place{}
	for range purchases {
		b.written(t, 0, "other")
	}
}

func (b *bench) requireReplaced(t *testing.T) {
	t.Helper()
	require.NotNil(t, b.shard.Stopped())
	require.Equal(t, "log-replaced", b.shard.Stopped().Code)
	require.EqualValues(t, 2, b.state.Topics[1].Next, "nothing of it is taken")
}

// fails lets the purchases' leader answer that it cannot be read.
func (b *bench) fails() {
	b.shard.Fetched(source.Fetched{Topic: "purchases", Offset: 2, Err: kafka.UnknownTopicOrPartition}, b.clock.Tick, b.clock)
}

// A topic that was deleted and made again has leaders of the same epochs: where it
// was filled past our offset before anybody looked, only its records tell.
func TestALogThatWasNotSeenForAWhileProvesThatItIsTheSame(t *testing.T) {
	unseen := map[string]func(b *bench){
		"for a while":             func(b *bench) { b.pass(unwatched + 1) },
		"as it could not be read": (*bench).fails,
		"with an empty answer behind that": func(b *bench) {
			b.pass(unwatched + 1)
			b.feed()
		},
	}
	for name, pass := range unseen {
		t.Run(name, func(t *testing.T) {
			b := led(t)
			b.watch(1000, nil)
			b.written(t, 0, "e3")
			b.watch(1000, nil)
			require.Equal(t, 0, b.ops[OpRecord], "it was seen all the time")
			pass(b)
			b.written(t, 0, "e4")
			b.feed()
			b.drive(nil)
			require.Positive(t, b.ops[OpRecord])
			asked := b.ops[OpRecord]
			b.watch(3000, nil)
			b.written(t, 0, "e5")
			b.watch(3000, nil)
			require.Nil(t, b.shard.Stopped())
			require.Equal(t, asked, b.ops[OpRecord], "it is seen again")
			require.EqualValues(t, 5, b.state.Topics[1].Next)
		})
		t.Run(name+", another one", func(t *testing.T) {
			b := led(t)
			b.watch(1000, nil)
			pass(b)
			b.remade(t, 3)
			b.feed()
			b.drive(nil)
			b.requireReplaced(t)
		})
	}
}

// An answer tells of the time at which it came; that its question went out soon
// after the last answer says nothing.
func TestAnAnswerThatTookLongLeavesAGap(t *testing.T) {
	b := led(t)
	asked := b.clock.Tick
	b.pass(unwatched + 1)
	b.remade(t, 3)
	b.shard.Fetched(source.Fetched{Topic: "purchases", Offset: 2, Raw: b.from(source.Position{Topic: "purchases", Offset: 2, MaxBytes: b.piece}),
		HighWatermark: 3, LastStable: 3}, asked, b.clock)
	b.drive(nil)
	b.requireReplaced(t)
}

// A log that ends where we are has nothing that could be taken; but that it was
// consumed to its end is not said of it before it is known to be the same.
func TestALogThatWasNotSeenForAWhileMovesNoStreamTime(t *testing.T) {
	b := led(t)
	b.watch(1000, nil)
	before := b.shard.state.Clock
	b.fails()
	b.remade(t, 2)
	b.pass(500)
	b.feed()
	b.drive(b.failing(OpRecord, kafka.RequestTimedOut))
	b.pass(500)
	b.drive(b.failing(OpRecord, kafka.RequestTimedOut))
	require.Equal(t, before, b.shard.state.Clock)
	b.pass(1000)
	b.drive(nil)
	b.requireReplaced(t)
	require.Equal(t, before, b.shard.state.Clock)
}

// In a backlog buffers are full for long, and nobody asks.
func TestOneProofIsForAllThatIsBuffered(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		b := led(t)
		b.watch(1000, nil)
		for _, id := range []string{"e3", "e4", "e5"} {
			b.written(t, 0, id)
			b.feed()
			b.pass(unwatched + 1)
		}
		if replaced {
			b.remade(t, 6)
		}
		b.drive(nil)
		require.Equal(t, 1, b.ops[OpRecord])
		if replaced {
			require.NotNil(t, b.shard.Stopped())
			require.Equal(t, "log-replaced", b.shard.Stopped().Code)
			require.EqualValues(t, 3, b.shard.state.Topics[1].Next, "what came before the first gap is the old log's")
			continue
		}
		require.Nil(t, b.shard.Stopped())
		require.EqualValues(t, 5, b.shard.state.Topics[1].Next)
	}
}

// While a take-over reads the changes topic nobody sees the inputs.
func TestALogThatWasReplacedDuringATakeOver(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		b := led(t)
		require.NotEmpty(t, b.sent)
		b.state.Pub = 0 // there is something to read
		b.shard = newBench(t, byTheWall).shard
		b.drive(func(op *Op) bool {
			if op.Kind == OpChanges {
				b.pass(unwatched + 1)
				if replaced {
					b.remade(t, 3)
				}
			}
			return false
		})
		b.feed()
		b.drive(nil)
		if replaced {
			b.requireReplaced(t)
			continue
		}
		require.Nil(t, b.shard.Stopped())
		require.Equal(t, 2, b.ops[OpRecord])
	}
}

// What a take-over has just compared is not compared again.
func TestATakeOverHasSeenTheLogs(t *testing.T) {
	b := led(t)
	b.shard = newBench(t, byTheWall).shard
	b.pass(10 * unwatched)
	b.drive(nil)
	require.Equal(t, 1, b.ops[OpRecord])
	b.written(t, 0, "e3")
	b.feed()
	b.watch(3000, nil)
	require.Equal(t, 1, b.ops[OpRecord])
	require.EqualValues(t, 3, b.state.Topics[1].Next)
}

// That nobody answers puts nothing in doubt that is in memory.
func TestAProofThatFailsIsAskedForAgain(t *testing.T) {
	b := led(t)
	b.watch(1000, nil)
	heads := b.ops[OpHead]
	b.fails()
	b.written(t, 0, "e3")
	b.feed()
	tries, fail := 0, b.failing(OpRecord, kafka.RequestTimedOut)
	failing := func(op *Op) bool {
		failed := fail(op)
		if failed {
			tries++
		}
		return failed
	}
	b.drive(failing)
	require.Equal(t, 1, tries, "not again at once")
	for range 3 {
		at, ok := b.shard.WakeAt(b.clock)
		require.True(t, ok)
		require.LessOrEqual(t, at-b.clock.Tick, int64(80), "with a back-off that doubles from 20 ms")
		b.pass(at - b.clock.Tick)
		b.drive(failing)
	}
	require.Greater(t, tries, 1)
	require.EqualValues(t, 2, b.shard.state.Topics[1].Next, "nothing is taken meanwhile")
	b.watch(3000, nil)
	require.EqualValues(t, 3, b.state.Topics[1].Next)
	require.Equal(t, heads, b.ops[OpHead], "it is the same ownership")
}

// Retention may pass the last record consumed while others wait in memory.
func TestALogWhoseLastRecordIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		start, end int64
		lost       bool // the ownership ends, and the next one finds out
		code       string
	}{
		"as retention deleted it":             {2, 3, false, ""},
		"as retention deleted what follows":   {3, 3, false, ""},
		"and what is in memory as well":       {2, 2, true, ""},
		"as the log is shorter":               {0, 1, true, "log-shorter"},
		"by one answer, and not by the other": {0, 3, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := led(t)
			b.watch(1000, nil)
			b.fails()
			before := b.logs["purchases"]
			b.written(t, 0, "e3")
			b.feed()
			if c.end < 3 {
				b.logs["purchases"], b.places = before, map[string]place{}
			}
			heads, gone := b.ops[OpHead], b.failing(OpRecord, kafka.OffsetOutOfRange)
			b.starts["purchases"], b.ends["purchases"] = c.start, c.end
			told := false
			b.drive(func(op *Op) bool {
				first := !told && gone(op)
				told = told || first
				return first
			})
			b.watch(3000, nil)
			require.Equal(t, c.lost, b.ops[OpHead] > heads)
			if c.code != "" {
				require.NotNil(t, b.shard.Stopped())
				require.Equal(t, c.code, b.shard.Stopped().Code)
				return
			}
			require.Nil(t, b.shard.Stopped())
			require.Equal(t, c.end, b.state.Topics[1].Next)
			if c.lost {
				return
			}
			b.shard.Fetched(source.Fetched{Topic: "purchases", Offset: 3, Err: kafka.UnknownTopicOrPartition}, b.clock.Tick, b.clock)
			b.written(t, 0, "e4")
			b.watch(3000, nil)
			require.EqualValues(t, 4, b.state.Topics[1].Next)
			require.Equal(t, heads, b.ops[OpHead], "it has what was consumed since")
		})
	}
}

// An unclean leader that has grown past our offset answers as if nothing were
// wrong.
func TestALeaderWithoutWhatWasConsumedStopsTheShard(t *testing.T) {
	b := led(t)
	whole := b.logs["purchases"]
	b.logs["purchases"], b.ends["purchases"], b.places = nil, 0, map[string]place{}
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("other", "c-1", "2026-01-01T10:00:00Z", "1"))
	require.NotEqual(t, whole, b.logs["purchases"])
	b.written(t, 1, "e3")
	b.feed()
	b.drive(nil)
	require.NotNil(t, b.shard.Stopped())
	require.Equal(t, "log-replaced", b.shard.Stopped().Code)
	require.EqualValues(t, 2, b.state.Topics[1].Next, "nothing of it is taken")
}

// ended writes the end of a transaction, which takes an offset.
func (b *bench) ended(t *testing.T) {
	from := len(b.logs["purchases"])
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), "")
	batch := b.logs["purchases"][from:]
	batch[22] |= 0x20 // attributes: a control batch
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli)))
}

// The end of a transaction was read past, but that is not stored yet: a leader
// that never had it wrote a record in its place, and more behind it.
func TestALeaderWithoutTheEndOfATransactionStopsTheShard(t *testing.T) {
	b := led(t)
	storing := func(op *Op) bool { return op.Kind == OpCommit }
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e3", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.feed()
	b.drive(storing)
	b.pass(3000)
	b.drive(storing)
	before := len(b.logs["purchases"])
	b.ended(t)
	b.feed()
	b.drive(storing)
	require.EqualValues(t, 4, b.shard.lanes[1].position)

	b.logs["purchases"], b.ends["purchases"], b.places = b.logs["purchases"][:before], 3, map[string]place{}
	b.written(t, 1, "e3")
	b.written(t, 1, "e3")
	b.feed()
	b.drive(storing)
	require.NotNil(t, b.shard.Stopped())
	require.Equal(t, "log-replaced", b.shard.Stopped().Code)
}

// What lies behind the last record consumed may be more than one answer brings.
func TestWhatIsBehindTheLastRecordIsLookedAtToItsEnd(t *testing.T) {
	e3 := purchase("e3", "c-1", "2026-01-03T10:00:00Z", "3")
	for name, there := range map[string]bool{"ends of transactions": false, "a record in place of the last": true} {
		t.Run("taken over, "+name, func(t *testing.T) {
			b := consumed(t, nil)
			whole := size(b.logs["purchases"])
			b.piece = int32(whole + 20) // what follows is cut
			b.ended(t)
			b.ended(t)
			if there {
				b.append(t, "purchases", 1, e3)
			} else {
				b.ended(t)
			}
			b.state.Topics[1].Next = 5
			b.again(t, nil)
			require.Greater(t, b.ops[OpRecord], 1)
			require.Equal(t, there, b.shard.Stopped() != nil)
			if there {
				require.Equal(t, "log-replaced", b.shard.Stopped().Code)
				return
			}
			b.append(t, "purchases", 1, e3)
			b.state.Start.Ends["purchases"] = 6 // the replay's end
			b.again(t, nil)
			require.Nil(t, b.shard.Stopped())
			require.EqualValues(t, 6, b.state.Topics[1].Next)
		})
		t.Run("live, "+name, func(t *testing.T) {
			b := led(t)
			storing := func(op *Op) bool { return op.Kind == OpCommit }
			b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), e3)
			b.feed()
			b.drive(storing)
			b.watch(3000, storing)
			before := len(b.logs["purchases"])
			for range 3 {
				b.ended(t)
			}
			b.feed()
			b.drive(storing)
			require.EqualValues(t, 6, b.shard.lanes[1].position)

			if there {
				b.logs["purchases"], b.ends["purchases"], b.places = b.logs["purchases"][:before], 3, map[string]place{}
				b.ended(t)
				b.ended(t)
				b.written(t, 1, "e3")
			}
			b.piece = 1
			b.written(t, 1, "e3")
			b.feed()
			b.drive(storing)
			require.Equal(t, 4, b.ops[OpRecord])
			require.Equal(t, there, b.shard.Stopped() != nil)
			if there {
				require.Equal(t, "log-replaced", b.shard.Stopped().Code)
			} else {
				require.EqualValues(t, 1, b.shard.lanes[1].leader)
			}
		})
	}
}

// A leader that does not give out yet what lies behind the last record consumed
// has not shown that there is nothing.
func TestWhatIsNotGivenOutYetIsNotTakenForNothing(t *testing.T) {
	b := consumed(t, nil)
	b.piece = 1
	b.ended(t)
	b.state.Topics[1].Next = 3
	b.shard = newBench(t, byTheWall).shard
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 1}
	held := 0
	b.drive(func(op *Op) bool {
		if op.Kind != OpRecord || op.Offset < 2 || held > 0 {
			return false
		}
		held++
		op.Fetched = source.Fetched{Topic: op.Topic, Offset: op.Offset, HighWatermark: 9, LastStable: 2}
		b.shard.Done(op, b.clock)
		return true
	})
	require.Equal(t, 1, held)
	require.NotEqual(t, phaseLive, b.shard.phase)
	b.pass(3000)
	b.drive(nil)
	require.Nil(t, b.shard.Stopped())
	require.Equal(t, phaseLive, b.shard.phase)
}

// Nor has one whose bytes cannot be read there.
func TestWhatCannotBeReadIsNotTakenForNothing(t *testing.T) {
	b := consumed(t, nil)
	before := len(b.logs["purchases"])
	b.ended(t)
	b.state.Topics[1].Next = 3
	b.logs["purchases"][before+30] ^= 1 // under its checksum
	b.shard = newBench(t, byTheWall).shard
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 1}
	b.drive(nil)
	require.Nil(t, b.shard.Stopped())
	require.NotEqual(t, phaseLive, b.shard.phase)
	require.Equal(t, "unreadable batch", b.shard.cause)

	b.logs["purchases"][before+30] ^= 1
	b.pass(3000)
	b.drive(nil)
	require.Equal(t, phaseLive, b.shard.phase)
}

// Nothing can be compared where retention has deleted what was consumed.
func TestANewLeaderOfALogThatBeginsLater(t *testing.T) {
	b := led(t)
	b.written(t, 1, "e3")
	b.starts["purchases"] = 2
	b.feed()
	b.drive(nil)
	b.pass(3000)
	b.drive(nil)
	require.Nil(t, b.shard.Stopped())
	require.Equal(t, 0, b.ops[OpRecord])
	require.EqualValues(t, 3, b.state.Topics[1].Next)
}

// A leader without the tail of the changes topic takes what comes next at an
// offset that was acknowledged before.
func TestAChangesTopicThatLostWhatItAcknowledgedStopsTheShard(t *testing.T) {
	b := led(t)
	require.NotEmpty(t, b.sent)
	b.sent = b.sent[:len(b.sent)-1]
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e9", "c-2", "2026-01-01T10:00:00Z", "1"))
	b.feed()
	b.drive(nil)
	b.pass(3000)
	b.drive(nil)
	require.NotNil(t, b.shard.Stopped())
	require.Equal(t, "changes-shorter", b.shard.Stopped().Code)
}
