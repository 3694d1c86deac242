package pipeline

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/metrics"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
)

// How long one I/O may take before its answer counts as lost.
const ioTimeout = 10 * time.Second

// Moments of an I/O at which a build with fail points can end the process
// (failpoint_on.go): before it is begun, and after it was done but before the
// shard knows.
const (
	before = "before"
	after  = "after"
)

// driver runs one shard: it tells the state machine what happened and starts
// what it asks for. It decides nothing.
type driver struct {
	shard   *Shard
	config  *ShardConfig
	changes string
	ports   *Ports
	group   Group
	clock   func() Clock
	tail    *fetcher // at the logs' ends
	behind  *fetcher // where more is known to be

	fetched chan delivery
	gone    chan struct{} // closed when run has returned
	done    chan *Op
	drain   <-chan struct{}
	running sync.WaitGroup
	session *sessionWorker
	trouble troubles
	wants   [2][]source.Position
	log     *zap.Logger

	meter  *metrics.Metrics
	stored store.State // as last committed or taken over
	told   Tally       // what the metrics have of the shard's
	status atomic.Pointer[Status]
	turned atomic.Int64 // tick of the loop's last turn

	err   error                 // why it ended, nil if it was drained or came to its end
	asked atomic.Pointer[[]Lag] // the inputs' ends, where the shard reads nothing

	noted   int64 // tick of the last status
	silence int64 // tick of the last line about silence
	changed bool  // something was stored since
	gained  bool  // that the shard works was logged
}

// delivery is the answer to one fetch. read is called when the shard has it and
// has said where it goes on.
type delivery struct {
	fetched source.Fetched
	asked   int64 // tick at which the question went out
	read    func()
}

// run drives the shard until it has finished, was drained, stops with a reason,
// or ctx ends.
func (d *driver) run(ctx context.Context) error {
	defer d.running.Wait()
	defer d.leave()
	io, cancel := context.WithCancel(ctx)
	defer cancel()
	defer d.closeSession()
	timer := time.NewTimer(0)
	defer timer.Stop()
	drain := d.drain
	for {
		now := d.clock()
		d.turned.Store(now.Tick)
		for op := d.shard.Next(now); op != nil; op = d.shard.Next(now) {
			d.start(io, op)
		}
		d.watch(now)
		if stop := d.shard.Stopped(); stop != nil {
			return fmt.Errorf("shard %d: %w", d.config.Shard, stop)
		}
		d.ask()
		if d.shard.Finished() || d.shard.Drained() {
			return nil
		}
		d.wait(timer, now)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-drain:
			drain = nil
			d.shard.Drain()
		case op := <-d.done:
			d.finish(op)
		case f := <-d.fetched:
			d.shard.Fetched(f.fetched, f.asked, d.clock())
			d.ask()
			f.read()
		case <-timer.C:
		}
	}
}

// ask tells the fetcher where the shard reads on.
func (d *driver) ask() {
	tail, behind := d.shard.Wants(d.wants[0][:0], d.wants[1][:0])
	d.tail.want(d, tail)
	d.behind.want(d, behind)
	d.wants = [2][]source.Position{tail, behind}
}

// leave makes the fetchers forget the shard.
func (d *driver) leave() {
	close(d.gone)
	d.tail.want(d, nil)
	d.behind.want(d, nil)
}

// wait sets the timer to when the shard wants to be called again.
func (d *driver) wait(timer *time.Timer, now Clock) {
	if at, ok := d.shard.WakeAt(now); ok {
		timer.Reset(time.Duration(max(at-now.Tick, 0)) * time.Millisecond)
		return
	}
	timer.Stop()
}

// finish hands an answer to the shard.
func (d *driver) finish(op *Op) {
	now := d.clock()
	d.book(op)
	d.shard.Done(op, now)
	d.trouble.tell(op, now.Tick)
}

// start begins an I/O; its answer comes through done. What belongs to the
// store goes through the session, one after the other.
func (d *driver) start(ctx context.Context, op *Op) {
	op.begun = time.Now()
	switch op.Kind {
	case OpHead:
		d.closeSession()
		d.session = newSessionWorker(ctx, d)
		d.session.ops <- op
	case OpTake, OpLoad, OpDue, OpCommit, OpWait:
		d.session.ops <- op
	default:
		d.running.Go(func() {
			bounded, cancel := context.WithTimeout(ctx, ioTimeout)
			defer cancel()
			pass(op.Kind, before)
			d.perform(bounded, op)
			if op.Err == nil {
				pass(op.Kind, after)
			}
			d.answer(ctx, op)
		})
	}
}

// answer hands a finished I/O back, unless nobody listens any more.
func (d *driver) answer(ctx context.Context, op *Op) {
	select {
	case d.done <- op:
	case <-ctx.Done():
	}
}

// perform does an I/O that does not belong to the store.
func (d *driver) perform(ctx context.Context, op *Op) {
	shard := d.config.Shard
	switch op.Kind {
	case OpGroup:
		op.Err = d.group.Commit(ctx, shard, op.Offsets)
	case OpBounds:
		op.Err = d.bounds(ctx, op)
	case OpRecord:
		op.Fetched, op.Err = d.read(ctx, op.Topic, op.Offset, recordBytes)
	case OpChanges:
		op.Fetched, op.Err = d.read(ctx, d.changes, op.Offset, d.config.Limits.FetchBytes)
	case OpBury:
		op.Err = d.ports.Letters.Write(ctx, op.Letters)
	case OpPublish:
		op.Err = d.publish(ctx, op)
	default:
		op.Err = fmt.Errorf("an I/O of kind %s has no performer", op.Kind)
	}
}

// bounds asks for the ends of every partition of the shard.
func (d *driver) bounds(ctx context.Context, op *Op) error {
	op.Bounds = make(map[string]Bounds, len(d.config.Inputs)+1)
	for _, topic := range d.config.Inputs {
		start, end, err := d.ports.Log.Bounds(ctx, topic, d.config.Shard)
		if err != nil {
			return err
		}
		op.Bounds[topic] = Bounds{Start: start, End: end}
	}
	start, end, err := d.ports.Log.Bounds(ctx, d.changes, d.config.Shard)
	op.Bounds[changesTopic] = Bounds{Start: start, End: end}
	return err
}

// recordBytes is what is read to see one record and what is behind it; a whole batch
// at least.
const recordBytes = 64 << 10

// read fetches once from one partition.
func (d *driver) read(ctx context.Context, topic string, offset int64, most int) (source.Fetched, error) {
	answers, err := d.ports.Log.Fetch(ctx, []source.Position{{Topic: topic, Partition: d.config.Shard,
		Offset: offset, MaxBytes: int32(most)}}, 0, most)
	if err != nil {
		return source.Fetched{}, err
	}
	if len(answers) != 1 {
		return source.Fetched{}, fmt.Errorf("reading topic %s: %d answers to one question", topic, len(answers))
	}
	return answers[0], answers[0].Err
}

func (d *driver) closeSession() {
	if d.session != nil {
		d.session.close()
		d.session = nil
	}
}

// sessionWorker performs the store's I/O of one ownership in order, on a session
// of its own.
type sessionWorker struct {
	ops    chan *Op
	cancel context.CancelFunc
}

// sessionOps is more than a shard ever has under way at once, so that handing
// one over never waits.
const sessionOps = 8

func newSessionWorker(parent context.Context, d *driver) *sessionWorker {
	ctx, cancel := context.WithCancel(parent)
	w := &sessionWorker{ops: make(chan *Op, sessionOps), cancel: cancel}
	d.running.Go(func() {
		session, err := d.ports.Store.Session(ctx, d.config.Shard)
		if err == nil {
			defer func() { _ = session.Close() }() // what it would say was said by its commands
		}
		for {
			select {
			case <-ctx.Done():
				return
			case op := <-w.ops:
				op.begun = time.Now() // not when it was queued behind others
				pass(op.Kind, before)
				if op.Err = err; err == nil {
					perform(ctx, session, op)
				}
				if op.Err == nil {
					pass(op.Kind, after)
				}
				d.answer(ctx, op)
			}
		}
	})
	return w
}

func (w *sessionWorker) close() { w.cancel() }

// perform does an I/O of the store.
func perform(ctx context.Context, session store.Session, op *Op) {
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	switch op.Kind {
	case OpHead:
		op.State, op.Err = session.Head(ctx)
	case OpTake:
		op.State, op.Outbox, op.Err = session.TakeOver(ctx, op.Expect, op.Fresh)
	case OpLoad:
		op.Values, op.Err = session.Load(ctx, op.Customers)
	case OpDue:
		op.Timers, op.Err = session.Due(ctx, op.From, op.Limit)
	case OpCommit:
		op.Err = session.Commit(ctx, op.Commit)
	case OpWait:
		op.Err = session.Wait(ctx)
	}
}
