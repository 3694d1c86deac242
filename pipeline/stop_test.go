package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/policy"
)

// consumed is a world in which a shard has consumed two purchases and published
// one change, and went away.
func consumed(t *testing.T, edit func(*ShardConfig)) *bench {
	b := newBench(t, edit)
	at := ms(t, "2026-02-01T00:00:00Z")
	b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "12.50"))
	b.append(t, "purchases", at, purchase("e2", "c-1", "2026-01-02T10:00:00Z", "7.50"))
	b.run()
	require.Nil(t, b.shard.Stopped())
	require.EqualValues(t, 2, b.state.Topics[1].Next)
	require.EqualValues(t, 1, b.state.Pub)
	return b
}

// again lets a new shard come to the same world.
func (b *bench) again(t *testing.T, edit func(*ShardConfig)) {
	fresh := newBench(t, edit)
	b.shard = fresh.shard
	b.run()
}

func TestStops(t *testing.T) {
	otherPolicy := func(c *ShardConfig) {
		c.Policy = policy.Default()
		c.Policy.Lifecycle.LoyalOrders = 5
	}
	cases := []struct {
		code   string
		before func(*ShardConfig)
		spoil  func(*bench)
		then   func(*ShardConfig)
		accept bool // start.accept_truncated lets it go on
	}{
		{code: "policy-differs", then: otherPolicy},
		{code: "partitions-differ", then: func(c *ShardConfig) { c.Partitions = 2 }},
		{code: "log-truncated", spoil: func(b *bench) { b.starts["purchases"] = 3; b.ends["purchases"] = 9 }, accept: true},
		{code: "log-shorter", spoil: func(b *bench) { b.ends["purchases"] = 1 }},
		{code: "log-replaced", spoil: func(b *bench) {
			b.logs["purchases"], b.ends["purchases"] = nil, 0
			b.append(t, "purchases", 1, purchase("x1", "c-1", "2026-01-01T10:00:00Z", "1"))
			b.append(t, "purchases", 1, purchase("x2", "c-1", "2026-01-02T10:00:00Z", "2"))
		}},
		{code: "log-replaced", spoil: func(b *bench) { // a record where a transaction had ended
			b.append(t, "purchases", 1, purchase("x3", "c-1", "2026-01-03T10:00:00Z", "3"))
			b.state.Topics[1].Next = 3
		}},
		{code: "changes-truncated", spoil: func(b *bench) { b.changesStart = 2; b.sent = append(b.sent, b.sent[0], b.sent[0]) }, accept: true},
		{code: "changes-shorter", spoil: func(b *bench) { b.sent = nil }, accept: true},
		{code: "changes-foreign", spoil: func(b *bench) {
			foreign := b.sent[0]
			foreign.Headers = []sink.Header{{Key: headerSource, Value: []byte("tidemark/other")}}
			b.sent = append(b.sent, foreign)
		}},
		{code: "state-unreadable", spoil: func(b *bench) { b.outbox = []byte{200} }},
	}
	for _, c := range cases {
		t.Run(c.code, func(t *testing.T) {
			b := consumed(t, c.before)
			if c.spoil != nil {
				c.spoil(b)
			}
			commits := b.ops[OpCommit]
			b.again(t, c.then)
			stop := b.shard.Stopped()
			require.NotNil(t, stop)
			require.Equal(t, c.code, stop.Code)
			require.NotEmpty(t, stop.Remedy)
			require.Equal(t, stop.Reason+": "+stop.Remedy+"; see docs/runbook.md#"+c.code, stop.Error())
			require.Equal(t, commits, b.ops[OpCommit], "a shard that stops writes nothing")
			b.again(t, func(s *ShardConfig) { s.AcceptTruncated = true })
			if c.accept {
				require.Nil(t, b.shard.Stopped())
			} else if c.then == nil {
				require.NotNil(t, b.shard.Stopped())
			}
		})
	}
}

func TestALogThatDoesNotBeginAtItsBeginningIsRefusedAtTheFirstStart(t *testing.T) {
	b := newBench(t, nil)
	b.append(t, "purchases", 1, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.starts["purchases"] = 1
	b.run()
	require.Equal(t, "log-truncated", b.shard.Stopped().Code)
}

func TestACustomerThatCannotBeReadStopsTheShard(t *testing.T) {
	b := consumed(t, nil)
	b.customers["c-1"] = []byte("no profile")
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e3", "c-1", "2026-01-03T10:00:00Z", "1"))
	b.state.Start.Ends["purchases"] = 3 // the replay's end
	b.again(t, nil)
	require.Equal(t, "state-unreadable", b.shard.Stopped().Code)
	require.Contains(t, b.shard.Stopped().Reason, "c-1")
}

// A new leader does not know yet how far its followers are, and gives nothing for
// an offset that it has.
func TestARecordThatIsNotGivenOutYetIsAskedForAgain(t *testing.T) {
	b := newBench(t, byTheWall)
	b.clock = Clock{Now: ms(t, "2026-02-01T00:00:00Z"), Tick: 1}
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	for range 2 {
		b.drive(nil)
		b.feed()
	}
	b.pass(3000)
	b.drive(nil)
	require.EqualValues(t, 1, b.state.Topics[1].Next)
	b.shard.lose("test")
	b.pass(3000)
	asked := 0
	b.drive(func(op *Op) bool {
		if op.Kind != OpRecord || asked > 0 {
			return false
		}
		asked++
		op.Fetched = source.Fetched{Topic: op.Topic, Offset: op.Offset}
		b.shard.Done(op, b.clock)
		return true
	})
	require.Equal(t, 1, asked)
	require.Nil(t, b.shard.Stopped())
	b.pass(3000)
	b.drive(nil)
	require.Equal(t, Live, b.shard.phaseOutside())
}
