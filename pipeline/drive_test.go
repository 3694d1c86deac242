package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

// byTheWall is a shard whose stream time follows the wall clock.
func byTheWall(c *ShardConfig) { c.WallClock, c.TimerGrace = true, 2000 }

// drive performs the I/O that the shard asks for, until it asks for none. What
// hook takes, by saying true, is hook's to answer: never, if it likes.
func (b *bench) drive(hook func(*Op) bool) {
	for op := b.shard.Next(b.clock); op != nil; op = b.shard.Next(b.clock) {
		if hook != nil && hook(op) {
			continue
		}
		b.serve(op)
		b.shard.Done(op, b.clock)
	}
}

// failing lets every I/O of a kind fail.
func (b *bench) failing(kind OpKind, err error) func(*Op) bool {
	return func(op *Op) bool {
		if op.Kind != kind {
			return false
		}
		op.Err = err
		b.shard.Done(op, b.clock)
		return true
	}
}

// feed answers what the shard wants to read, once.
func (b *bench) feed() {
	tail, behind := b.shard.Wants(nil, nil)
	for _, p := range append(tail, behind...) {
		b.shard.Fetched(source.Fetched{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Raw: b.from(p),
			HighWatermark: b.ends[p.Topic], LastStable: b.ends[p.Topic], LogStart: b.starts[p.Topic]}, b.clock.Tick, b.clock)
	}
}

// pass lets time go by.
func (b *bench) pass(ms int64) {
	b.clock.Now += ms
	b.clock.Tick += ms
}

// add writes one record to an input, as a batch at the log's end.
func (b *bench) add(t testing.TB, topic string, at int64, key, value []byte, headers ...recordbatch.Header) {
	var builder recordbatch.Builder
	builder.Start(b.logs[topic], recordbatch.Options{BaseOffset: b.ends[topic]})
	builder.Add(at, key, value, headers)
	raw, err := builder.Finish()
	require.NoError(t, err)
	b.logs[topic] = raw
	b.ends[topic]++
}
