package pipeline

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
)

// damages are bytes of a batch that spoil it.
var damages = map[string]int{"its magic": 16, "its checksum": 17, "a record": 70}

// spoilt is a shard whose input's second batch is damaged, and the log as it was.
func spoilt(t *testing.T, place int) (b *bench, sound []byte) {
	b = newBench(t, byTheWall)
	at := ms(t, "2026-02-01T00:00:00Z")
	b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.run()
	from := len(b.logs["purchases"])
	b.append(t, "purchases", at, purchase("e2", "c-1", "2026-01-02T10:00:00Z", "1"))
	sound = append([]byte(nil), b.logs["purchases"][from:]...)
	b.logs["purchases"][from+place] ^= 1
	return b, sound
}

// offer answers every wish for the second batch with these bytes, and lets the
// shard take over again where it wants to.
func (b *bench) offer(raw []byte) {
	tail, behind := b.shard.Wants(nil, nil)
	for _, p := range append(tail, behind...) {
		f := source.Fetched{Topic: p.Topic, Offset: p.Offset, HighWatermark: b.ends[p.Topic], LastStable: b.ends[p.Topic]}
		if p.Topic == "purchases" && p.Offset == 1 {
			f.Raw = raw
		}
		b.shard.Fetched(f, b.clock.Tick, b.clock)
	}
	b.drive(nil)
	b.pass(1000)
	b.drive(nil)
}

func TestALogThatStaysDamagedStopsTheShard(t *testing.T) {
	for name, place := range damages {
		t.Run(name, func(t *testing.T) {
			b, _ := spoilt(t, place)
			bad := b.logs["purchases"][size(b.logs["purchases"]):]
			for n := 1; n <= maxDamage; n++ {
				require.Nil(t, b.shard.Stopped(), "it may be the way here that spoils it")
				b.offer(bad)
				require.EqualValues(t, min(n, maxDamage-1), b.shard.Tally().TakeOvers["unreadable batch"])
			}
			require.NotNil(t, b.shard.Stopped())
			require.Equal(t, "log-unreadable", b.shard.Stopped().Code)
			require.Contains(t, b.shard.Stopped().Reason, "topic purchases cannot be read at offset 1")
			require.EqualValues(t, 1, b.state.Topics[1].Next)
		})
	}
}

func TestAShardGoesOnWhereAnotherReadIsSound(t *testing.T) {
	for name, place := range damages {
		t.Run(name, func(t *testing.T) {
			b, sound := spoilt(t, place)
			bad := b.logs["purchases"][size(b.logs["purchases"]):]
			for range maxDamage - 1 {
				b.offer(bad)
			}
			b.offer(sound)
			require.Nil(t, b.shard.Stopped())
			require.EqualValues(t, 2, b.state.Topics[1].Next)
		})
	}
}

func TestAShardsHashThatCannotBeReadStopsTheShard(t *testing.T) {
	for _, kind := range []OpKind{OpHead, OpTake} {
		b := consumed(t, nil)
		b.shard = newBench(t, nil).shard
		b.drive(b.failing(kind, fmt.Errorf("%w: field %q", store.ErrUnreadable, "n:purchases")))
		require.NotNil(t, b.shard.Stopped(), kind)
		require.Equal(t, "state-unreadable", b.shard.Stopped().Code)
		require.Contains(t, b.shard.Stopped().Reason, "n:purchases")

		b.shard = newBench(t, nil).shard
		b.drive(b.failing(kind, errors.New("away")))
		require.Nil(t, b.shard.Stopped(), "it may be back")
	}
}

func TestALogWithoutTheLastRecordConsumedIsAnother(t *testing.T) {
	at := ms(t, "2026-02-01T00:00:00Z")
	for name, spoil := range map[string]func(*bench){
		"a gap": func(b *bench) { // where the record was; one follows
			b.append(t, "purchases", at, purchase("x1", "c-1", "2026-01-01T10:00:00Z", "1"))
			b.ends["purchases"] = 2
			b.append(t, "purchases", at, purchase("x3", "c-1", "2026-01-03T10:00:00Z", "1"))
		},
		"no record": func(b *bench) {
			b.append(t, "purchases", at, purchase("x1", "c-1", "2026-01-01T10:00:00Z", "1"))
			b.ends["purchases"] = 3
		},
		"control records alone": func(b *bench) {
			b.append(t, "purchases", at, "", "", "")
			control(b.logs["purchases"])
		},
		"another key": func(b *bench) {
			b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "12.50"))
			b.add(t, "purchases", at, []byte("key"), []byte(purchase("e2", "c-1", "2026-01-02T10:00:00Z", "7.50")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := consumed(t, nil)
			b.logs["purchases"], b.ends["purchases"] = nil, 0
			spoil(b)
			b.again(t, nil)
			require.NotNil(t, b.shard.Stopped())
			require.Equal(t, "log-replaced", b.shard.Stopped().Code)
		})
	}
}

func TestARecordThatRetentionTookIsNotMissed(t *testing.T) {
	b := consumed(t, nil)
	b.logs["purchases"], b.starts["purchases"] = nil, 2
	b.add(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), nil, []byte(purchase("e3", "c-1", "2026-01-03T10:00:00Z", "1")))
	b.again(t, byTheWall)
	require.Nil(t, b.shard.Stopped())
	require.EqualValues(t, 3, b.state.Topics[1].Next)
}

func TestALogShorterThanWhatTheWorldWasToldStopsTheShard(t *testing.T) {
	b := consumed(t, nil)
	at := ms(t, "2026-02-01T00:00:00Z")
	whole := len(b.logs["purchases"])
	b.append(t, "purchases", at, purchase("e3", "c-1", "2026-01-03T10:00:00Z", "1"))
	b.again(t, byTheWall)
	require.Len(t, b.sent, 2, "c-1 is loyal now, as of three purchases")

	// Redis comes back empty, and the log without its last record.
	rollback := func() {
		b.state, b.outbox = store.NewState(b.inputs), nil
		b.customers, b.timers = map[string][]byte{}, map[string]int64{}
	}
	rollback()
	lost := b.logs["purchases"][whole:]
	b.logs["purchases"], b.ends["purchases"] = b.logs["purchases"][:whole:whole], 2
	for range 3 {
		b.again(t, byTheWall) // what was stored meanwhile does not let the next one pass
		require.NotNil(t, b.shard.Stopped())
		require.Equal(t, "log-shorter", b.shard.Stopped().Code)
		require.Contains(t, b.shard.Stopped().Reason, "topic purchases ends at offset 2, but was consumed up to 3")
		require.Zero(t, b.state.Topics[1].Next)
	}

	b.logs["purchases"], b.ends["purchases"] = append(b.logs["purchases"], lost...), 3
	b.again(t, byTheWall)
	require.Nil(t, b.shard.Stopped(), "the topic was restored")
	require.EqualValues(t, 3, b.state.Topics[1].Next)

	rollback()
	b.again(t, byTheWall)
	require.Nil(t, b.shard.Stopped())
	require.EqualValues(t, 3, b.state.Topics[1].Next)
	require.Equal(t, []string{
		"c-1 1 null>potential event 2026-01-01T10:00:00.000Z",
		"c-1 2 potential>loyal event 2026-01-03T10:00:00.000Z",
	}, b.story(t))
}
