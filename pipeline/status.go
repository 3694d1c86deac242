package pipeline

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/metrics"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
)

// Phase is how far a shard is, as seen from outside.
type Phase uint8

// The phases of a shard.
const (
	TakingOver Phase = iota // what is stored is compared with the logs
	Silent                  // history is read, and nothing published
	Live
	Stopped // with a reason
	Ended   // drained, or a replay that has finished
)

// String is the phase's name in metrics and in /readyz.
func (p Phase) String() string {
	return [...]string{"taking_over", "silent", "live", "stopped", "ended"}[p]
}

// Status is what a shard looks like from outside.
type Status struct {
	Shard   int32
	Phase   Phase
	Stop    *Stop       // why it stopped, nil else
	State   store.State // as last committed
	Tally   Tally
	Outbox  int // changes that Kafka has not acknowledged
	Bytes   int // ... and how large they are
	Lags    []Lag
	Failing error // what has not worked for longer than failingAfter, nil else
}

// failingAfter is how long an I/O may fail before the worker is not ready, ms.
const failingAfter = 30_000

// Lag is how far an input's log goes beyond what was stored.
type Lag struct {
	Topic string
	High  int64 // the end of the log in its leader's last answer; -1 before there was one
	asOf  int64 // tick at which the leader was asked
}

// standing is the driver's last status.
func (d *driver) standing() *Status {
	if s := d.status.Load(); s != nil {
		return s
	}
	return &Status{Shard: d.config.Shard}
}

// failing is what has not worked for long, nil where everything does.
func (d *driver) failing(tick int64) error {
	for _, err := range []error{d.trouble.failing(tick, failingAfter), d.tail.failing(d.config.Shard, tick, failingAfter),
		d.behind.failing(d.config.Shard, tick, failingAfter)} {
		if err != nil {
			return err
		}
	}
	return nil
}

// watch notes how the shard stands, where that has changed, and logs that it was
// gained.
func (d *driver) watch(now Clock) {
	before := d.standing()
	phase := d.shard.phaseOutside()
	if before.Phase == phase && d.status.Load() != nil && now.Tick-d.noted < noteInterval && !d.changed {
		return
	}
	d.noted, d.changed = now.Tick, false
	status := &Status{Shard: d.config.Shard, Phase: phase, Stop: d.shard.Stopped(), State: d.stored,
		Tally: d.shard.Tally(), Outbox: len(d.shard.outbox.entries), Bytes: d.shard.outbox.bytes, Lags: d.lags(now.Tick), Failing: d.failing(now.Tick)}
	d.meter.Looked(status.Tally.Hits-d.told.Hits, status.Tally.Misses-d.told.Misses)
	d.told = status.Tally
	d.status.Store(status)
	if !d.gained && (phase == Silent || phase == Live) {
		d.gained = true
		d.log.Info("gained", zap.String("phase", phase.String()), zap.Int64("customers", customers(&d.stored)))
	}
	d.progress(status, now)
}

// noteInterval is how old a status may be, ms.
const noteInterval = 250

// silenceInterval is how often the progress of a silent start is logged, ms.
const silenceInterval = 10_000

// progress tells how far a silent start is.
func (d *driver) progress(status *Status, now Clock) {
	if status.Phase != Silent || now.Tick-d.silence < silenceInterval {
		return
	}
	d.silence = now.Tick
	var read, all int64
	for i := range status.State.Topics {
		t := &status.State.Topics[i]
		end := status.State.Start.Ends[t.Name]
		read, all = read+min(t.Next, end), all+end
	}
	d.log.Info("reading history in silence", zap.Int64("records", read), zap.Int64("of", all))
}

func customers(s *store.State) int64 {
	var n int64
	for _, size := range s.Sizes {
		n += size
	}
	return n
}

// book tells the metrics of a finished I/O, and keeps what was stored.
func (d *driver) book(op *Op) {
	if fenced(op.Err) {
		d.meter.Fenced()
		d.meter.Performed(op.Kind.String(), time.Since(op.begun), nil)
	} else {
		d.meter.Performed(op.Kind.String(), time.Since(op.begun), op.Err)
	}
	switch {
	case op.Kind == OpHead:
		d.meter.TakingOver(op.Cause)
	case op.Err != nil:
	case op.Kind == OpTake:
		if behind(&op.State, &d.stored) {
			d.meter.Rewound()
			d.log.Warn("Redis is behind what it had acknowledged: reading on from what it has")
		}
		d.stored, d.changed = op.State.Clone(), true
	case op.Kind == OpCommit:
		d.meter.Committed(&d.stored, op.Commit.State, op.Bytes, &op.Moves, len(op.Commit.Customers))
		d.stored, d.changed = *op.Commit.State, true
	case op.Kind == OpPublish:
		d.bookTold(op.Waits)
	}
}

// bookTold tells the metrics how long the world waited for changes.
// The shard's clock would not do: it is the earlier of two.
func (d *driver) bookTold(waits []Wait) {
	if d.meter == nil || !d.config.WallClock {
		return
	}
	now := time.Now().UnixMilli()
	for _, w := range waits {
		switch waited := time.Duration(now-w.Since) * time.Millisecond; {
		case w.Since < 0:
		case w.Cause == change.Event:
			d.meter.Told(waited)
		case w.Cause == change.Timer:
			d.meter.Fired(waited)
		}
	}
}

// behind reports that a state lacks what another one had.
func behind(now, before *store.State) bool {
	if len(before.Topics) == 0 {
		return false // this worker has not had the shard before
	}
	if now.Clock < before.Clock || now.Pub < before.Pub || now.Changes < before.Changes {
		return true
	}
	for i := range before.Topics {
		if t := now.Topic(before.Topics[i].Name); t != nil && t.Next < before.Topics[i].Next {
			return true
		}
	}
	return false
}

// phaseOutside tells how far the shard is.
func (s *Shard) phaseOutside() Phase {
	switch {
	case s.stop != nil:
		return Stopped
	case s.Finished() || s.draining && s.Drained():
		return Ended
	case s.phase != phaseLive:
		return TakingOver
	case s.silent():
		return Silent
	default:
		return Live
	}
}

// lags tells how far the inputs' logs go.
func (s *Shard) lags() []Lag {
	if s.phase != phaseLive {
		return nil
	}
	lags := make([]Lag, len(s.lanes))
	for i := range s.lanes {
		lags[i] = Lag{Topic: s.lanes[i].topic, High: -1}
		if s.lanes[i].heard {
			lags[i].High, lags[i].asOf = s.lanes[i].high, s.lanes[i].asOf
		}
	}
	return lags
}

// lags tells how far the inputs' logs go, by the shard's own reading or, where
// it reads nothing, by what was asked beside it.
func (d *driver) lags(tick int64) []Lag {
	lags := d.shard.lags()
	asked := d.asked.Load()
	if asked == nil {
		return lags
	}
	if lags == nil {
		return *asked
	}
	for i := range lags {
		if a := (*asked)[i]; tick-lags[i].asOf > commitInterval.Milliseconds() && a.asOf > lags[i].asOf {
			lags[i] = a
		}
	}
	return lags
}

// askEnds asks for the ends of the inputs where the shard does not: one that is
// full, stopped, or being taken over reads nothing.
func (d *driver) askEnds(ctx context.Context) {
	status := d.standing()
	tick := d.clock().Tick
	fresh := len(status.Lags) > 0
	for _, l := range status.Lags {
		fresh = fresh && tick-l.asOf <= commitInterval.Milliseconds()
	}
	if fresh && status.Phase == Live {
		return
	}
	lags := make([]Lag, 0, len(d.config.Inputs))
	for _, topic := range store.SortTopics(d.config.Inputs) {
		_, end, err := d.ports.Log.Bounds(ctx, topic, d.config.Shard)
		if err != nil {
			return // whoever needs the log says so
		}
		lags = append(lags, Lag{Topic: topic, High: end, asOf: tick})
	}
	d.asked.Store(&lags)
	if status.Phase == Stopped {
		now := *status // its driver tells nothing any more
		now.Lags = lags
		d.status.Store(&now)
	}
}

// Standing is how the worker stands, as its metrics show it.
func (p *Pipeline) Standing() metrics.Standing {
	standing := metrics.Standing{ClockSkew: float64(p.Skew()) / 1000}
	now := p.config.Clock().Now
	for _, status := range p.Status() {
		standing.Shards = append(standing.Shards, status.standing(now))
	}
	return standing
}

func (s *Status) standing(now int64) metrics.Shard {
	shard := metrics.Shard{Number: s.Shard, State: s.Phase.String(), Sizes: s.State.Sizes,
		OutboxChanges: s.Outbox, OutboxBytes: s.Bytes}
	if s.State.Clock != instant.None && len(s.State.Topics) > 0 {
		shard.StreamKnown, shard.StreamLag = true, float64(now-s.State.Clock)/1000
	}
	for _, l := range s.Lags {
		if t := s.State.Topic(l.Topic); t != nil && l.High >= 0 {
			shard.Lag = append(shard.Lag, metrics.Lag{Topic: l.Topic, Records: max(l.High-t.Next, 0)})
		}
	}
	return shard
}
