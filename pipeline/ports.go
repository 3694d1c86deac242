package pipeline

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
)

// Log reads Kafka. *source.Client is one.
type Log interface {
	Fetch(ctx context.Context, at []source.Position, maxWait time.Duration, maxBytes int) ([]source.Fetched, error)
	Bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error)
	// Leaders returns a number for each position: those of one number are asked
	// for together, and wait for no others.
	Leaders(ctx context.Context, at []source.Position) ([]int32, error)
}

// Store opens the state of shards. *store.Redis is one.
type Store interface {
	Session(ctx context.Context, shard int32) (store.Session, error)
}

// Sink writes records to one partition, if they may be written still when they
// leave. *sink.Producer is one.
type Sink interface {
	ProduceIf(ctx context.Context, topic string, partition int32, records []sink.Record, may func() bool) (base int64, err error)
}

// Letters keeps rejected records. *deadletter.Writer is one.
type Letters interface {
	Write(ctx context.Context, letters []deadletter.Letter) error
}

// Group commits a shard's offsets as a member of the consumer group. It fails
// where this member does not own the shard any more.
type Group interface {
	Commit(ctx context.Context, shard int32, offsets map[string]int64) error
	// Holds reports that it was confirmed so lately that nobody else can own the
	// shard yet.
	Holds() bool
}

// Members shares the shards out among the workers of a namespace.
// *ConsumerGroup is one.
type Members interface {
	// Next waits for this worker's next share; the one before must be released.
	Next(ctx context.Context) (*Share, error)
	// Leave gives the membership up. The last share's shards must be at rest.
	Leave()
}

// Share is what this worker owns until the group is divided anew.
type Share struct {
	Shards  []int32         // in order
	Group   Group           // commits as the owner of this share
	Over    <-chan struct{} // closed when the shards have to be given back
	Release func()          // says that they are at rest
}

// alone is the group of a process that owns every shard by itself.
type alone struct{}

func (alone) Commit(context.Context, int32, map[string]int64) error { return nil }

func (alone) Holds() bool { return true }

// Ports are the servers that a pipeline works with.
type Ports struct {
	Log     Log
	Store   Store
	Sink    Sink
	Letters Letters
	Time    TimeServer // nil: the worker's clock alone counts
}
