package pipeline

import (
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/policy"
)

// ShardConfig is what one shard has to know.
type ShardConfig struct {
	Shard, Partitions int32    // this shard; partition count of the inputs
	Inputs            []string // input topics
	Changes           string   // changes topic; the shard writes the partition of its number
	Source            string   // CloudEvents source of the namespace
	Policy            *policy.Policy
	WallClock         bool   // clock: wall; else event
	TimerGrace        int64  // ms that stream time stays behind the wall clock
	Publish           string // start.publish: snapshot, all or none
	AcceptTruncated   bool   // start.accept_truncated
	Durable           bool   // wait for durability before anything is published
	Until             int64  // clock event: stream time goes here at the end, unix ms; None: nowhere
	Limits            Limits
	Token             func() string  // a new random token at each take-over
	Jitter            func() float64 // in [0, 1), for waits after failures

	// Observe, if set, sees every record as it enters the open batch: a commit Op
	// carries what was observed since the one before it. chosen is the tick at which
	// the merge took it.
	Observe func(topic string, record *recordbatch.Record, chosen, streamTime int64, accepted bool)
}

// Limits bound what a shard holds and does at once.
type Limits struct {
	BatchCustomers int // customers of one commit
	BatchRecords   int // records of one commit
	BatchBytes     int // bytes of one commit, about
	StageRecords   int // records decoded ahead of their customers
	TimerPiece     int // timers fired at once
	LivePiece      int // ... while events come, at least 1
	BufferBytes    int // fetched bytes held per input
	FetchBytes     int // bytes asked for at once per input
	CacheBytes     int // customers held in memory
	OutboxBytes    int // unacknowledged changes, above which the shard waits for Kafka
	PublishBytes   int // of one produce request
}

// DefaultLimits suit a dozen shards in one process.
func DefaultLimits() Limits {
	return Limits{
		BatchCustomers: 4000, BatchRecords: 16384, BatchBytes: 4 << 20, StageRecords: 1024, TimerPiece: 1000, LivePiece: 100,
		BufferBytes: 4 << 20, FetchBytes: 1 << 20, CacheBytes: 64 << 20, OutboxBytes: 8 << 20, PublishBytes: 900 << 10,
	}
}

// shared returns the limits of each of so many shards where all of them together
// may hold so many bytes: half of it customers, the rest records and changes on
// their way. The least that lets a shard work is granted in any case; no memory
// given changes nothing.
func (l Limits) shared(memory int64, shards, inputs int) Limits {
	if memory <= 0 || shards == 0 {
		return l
	}
	each := int(memory / int64(shards))
	l.CacheBytes = max(each/2, 1<<20)
	l.BufferBytes = min(l.BufferBytes, max(each/4/max(inputs, 1), 256<<10))
	l.FetchBytes = min(l.FetchBytes, l.BufferBytes)
	l.OutboxBytes = min(l.OutboxBytes, max(each/8, 1<<20))
	l.BatchBytes = min(l.BatchBytes, max(each/8, 1<<20))
	return l
}
