package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/instant"
)

// empty tells a shard that an input had nothing more at the tick asked.
func (b *bench) empty(topic string, asked int64) {
	tail, behind := b.shard.Wants(nil, nil)
	for _, p := range append(tail, behind...) {
		if p.Topic == topic {
			b.shard.Fetched(source.Fetched{Topic: topic, Offset: p.Offset, HighWatermark: p.Offset, LastStable: p.Offset}, asked, b.clock)
		}
	}
	b.drive(nil)
}

func TestAnAnswerIsAsOldAsItsQuestion(t *testing.T) {
	b := newBench(t, byTheWall)
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 60_000}
	b.drive(nil)
	b.empty("clicks", b.clock.Tick)
	b.empty("purchases", b.clock.Tick-2001)
	require.EqualValues(t, instant.None, b.shard.state.Clock, "since it was asked an event may have come")
	b.empty("purchases", b.clock.Tick-2000)
	require.Equal(t, b.clock.Now-2000, b.shard.state.Clock)
	b.pass(1)
	b.drive(nil)
	require.Equal(t, b.clock.Now-2001, b.shard.state.Clock, "it is too old by now")
}

func TestAnInputWaitsForAYoungAnswerOfTheOther(t *testing.T) {
	b := newBench(t, byTheWall)
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 60_000}
	b.append(t, "purchases", b.clock.Now, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.drive(nil)
	b.feed() // both; the purchase is taken as clicks had nothing
	b.drive(nil)
	require.EqualValues(t, 1, b.state.Topics[1].Next)
	b.pass(5000)
	b.append(t, "purchases", b.clock.Now, purchase("e2", "c-1", "2026-01-02T10:00:00Z", "1"))
	b.empty("clicks", b.clock.Tick-4000)
	b.shard.Fetched(source.Fetched{Topic: "purchases", Offset: 1, HighWatermark: 2, LastStable: 2,
		Raw: b.from(source.Position{Topic: "purchases", Offset: 1})}, b.clock.Tick, b.clock)
	b.drive(nil)
	require.EqualValues(t, 1, b.state.Topics[1].Next, "an earlier click may have come since")
	b.empty("clicks", b.clock.Tick-1000)
	require.EqualValues(t, 2, b.state.Topics[1].Next)
}

func TestAnOpenTransactionIsWaitedFor(t *testing.T) {
	b := newBench(t, byTheWall)
	b.drive(nil)
	for range 3 {
		b.shard.Fetched(source.Fetched{Topic: "purchases", Offset: 0, HighWatermark: 10, LastStable: 0}, b.clock.Tick, b.clock)
		b.drive(nil)
		tail, behind := b.shard.Wants(nil, nil)
		require.Empty(t, behind, "nothing can be read: to ask without waiting is to ask without end")
		require.Len(t, tail, 2)
		b.pass(100)
	}
	b.shard.Fetched(source.Fetched{Topic: "purchases", Offset: 0, HighWatermark: 10, LastStable: 5}, b.clock.Tick, b.clock)
	_, behind := b.shard.Wants(nil, nil)
	require.Len(t, behind, 1, "a part of it can be read now")
}
