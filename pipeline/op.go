package pipeline

import (
	"time"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
)

// OpKind names one sort of I/O that a shard asks for.
type OpKind uint8

// The I/O of a shard, in the order in which a take-over meets them.
const (
	OpNone    OpKind = iota
	OpHead           // open a new store session and read the head and the state: State
	OpGroup          // commit Offsets to the consumer group; an error means: not the owner
	OpTake           // set the head from Expect to Fresh: State, Outbox
	OpBounds         // log start and end of every input and of the changes partition: Bounds
	OpRecord         // the raw batches of input Topic at Offset: Fetched
	OpChanges        // the raw batches of the changes partition at Offset: Fetched
	OpLoad           // values of Customers: Values
	OpDue            // first Limit timers from From on: Timers
	OpBury           // write Letters to the dead-letter topic
	OpCommit         // apply Commit
	OpWait           // wait until the session's commits are durable
	OpPublish        // write Records to the changes partition: Base
	opKinds
)

// String is the name used in traces and metrics.
func (k OpKind) String() string {
	return [...]string{"none", "head", "group", "take", "bounds", "record", "changes", "load", "due",
		"bury", "commit", "wait", "publish"}[k]
}

// Op is one I/O: what the shard asks, and what the driver found out. The
// driver fills in the lower half and hands the same Op back to Shard.Done.
// OpHead begins a new session of the store; OpTake, OpLoad, OpDue, OpCommit and
// OpWait use the session of their Epoch's OpHead, in the order in which they
// were asked for, and fail if it has ended.
type Op struct {
	Kind  OpKind
	Epoch uint64 // the take-over it belongs to; the answers of older ones are ignored

	Expect, Fresh string
	Offsets       map[string]int64
	Topic         string
	Offset        int64
	Customers     []string
	From          int64 // OpDue: the first time wanted; OpCommit, OpWait: number behind the last change covered
	Limit         int
	Letters       []deadletter.Letter
	Commit        *store.Commit
	Records       []sink.Record

	// For those who watch.
	begun time.Time    // set by the driver
	Cause string       // OpHead: why the shard is taken over
	Bytes []int64      // OpCommit: of the records consumed, by input
	Moves change.Moves // OpCommit: changes made
	Waits []Wait       // OpPublish: since when each record has been waited for

	State   store.State
	Outbox  []byte
	Bounds  map[string]Bounds
	Fetched source.Fetched
	Values  [][]byte
	Timers  []store.Timer
	Base    int64
	Err     error
}

// Wait is since when the world could have been told a change: the timestamp of
// the record that caused it, or the deadline.
type Wait struct {
	Cause change.Kind
	Since int64 // unix ms; None where it is not known: made before the take-over
}

// Bounds are the ends of one partition's log: the first offset there is, and
// the offset that the next record will get (the high watermark).
type Bounds struct {
	Start, End int64
}

// Clock is the time at one step of a shard.
type Clock struct {
	Now  int64 // unix ms, the earlier of the worker's and Redis's clocks; stream time may follow it
	Tick int64 // ms of a monotonic clock: ages of answers, waits after failures
}
