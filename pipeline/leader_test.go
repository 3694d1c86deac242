package pipeline

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/source"
)

// led is a shard by the wall clock that has consumed two purchases, written by
// the first leader of their partition.
func led(t *testing.T) *bench {
	b := newBench(t, byTheWall)
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 1}
	for _, id := range []string{"e1", "e2"} {
		b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase(id, "c-1", "2026-01-01T10:00:00Z", "1"))
	}
	b.drive(nil)
	b.feed()
	b.drive(nil)
	b.pass(3000)
	b.drive(nil)
	require.EqualValues(t, 2, b.state.Topics[1].Next)
	require.Equal(t, 0, b.ops[OpRecord])
	return b
}

// written has the leader of an epoch write a third purchase.
func (b *bench) written(t *testing.T, epoch uint32) {
	from := len(b.logs["purchases"])
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e3", "c-1", "2026-01-01T10:00:00Z", "1"))
	binary.BigEndian.PutUint32(b.logs["purchases"][from+12:], epoch)
}

func TestANewLeaderShowsThatItHasWhatWasConsumed(t *testing.T) {
	b := led(t)
	b.written(t, 1)
	b.feed()
	b.drive(nil)
	require.Equal(t, 1, b.ops[OpRecord])
	b.pass(3000)
	b.drive(nil)
	require.Nil(t, b.shard.Stopped())
	require.EqualValues(t, 3, b.state.Topics[1].Next)

	b.written(t, 1)
	b.feed()
	b.drive(nil)
	require.Equal(t, 1, b.ops[OpRecord], "it has shown it once")
	b.pass(3000)
	b.drive(nil)
	require.EqualValues(t, 4, b.state.Topics[1].Next)
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
	b.written(t, 1)
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
	b.written(t, 1)
	b.written(t, 1)
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
			b.pass(3000)
			b.drive(storing)
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
				b.written(t, 1)
			}
			b.piece = 1
			b.written(t, 1)
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
	b.written(t, 1)
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
