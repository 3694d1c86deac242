package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
)

// movesKept bounds the moves of one snapshot: nobody reads more in the time
// until the next.
const movesKept = 20

// watcher makes snapshots of what the pipeline published and stored.
type watcher struct {
	world   *local.World
	tail    *local.Tail
	to      func(Snapshot)
	now     Snapshot
	written int64 // lines in the log
	history int64 // of them before the pipeline began
	rate    rate
	total   replay.Summary // of the changes
}

func newWatcher(o *Options, world *local.World) *watcher {
	return &watcher{
		world: world,
		tail:  world.Tail(local.Changes),
		to:    o.Show,
		now:   Snapshot{Days: o.History, RedisAddr: world.RedisAddr(), Time: instant.None},
		total: replay.Summary{StreamTime: instant.None},
	}
}

// step tells that the demo has come to another step.
func (w *watcher) step(s Step) {
	w.now.Step = s
	if s == CatchingUp {
		w.history = w.written
	}
	w.show()
}

func (w *watcher) show() {
	if w.to != nil {
		w.to(w.now)
	}
	w.now.Moves = nil
}

// look takes in what has been published since the last time, and how the shards
// stand.
func (w *watcher) look(ctx context.Context, p *pipeline.Pipeline) error {
	if _, err := w.tail.Next(ctx, 0, w.visit); err != nil {
		return fmt.Errorf("watching the changes: %w", err)
	}
	w.stand(p.Status())
	w.show()
	return nil
}

// visit takes in a change.
func (w *watcher) visit(record recordbatch.Record) error {
	head, err := change.Parse(record.Value)
	if err != nil {
		return err
	}
	w.total.Moved(head.From, head.To)
	w.now.Changes = w.total.Changes
	cause, err := causeOf(record.Value)
	if err != nil {
		return err
	}
	w.now.Moves = append(w.now.Moves, Move{Customer: head.Customer, From: head.From, To: head.To, At: head.EffectiveAt, Cause: cause})
	if len(w.now.Moves) > movesKept {
		w.now.Moves = w.now.Moves[1:]
	}
	return nil
}

// causeOf is what made a customer move: the type of his event, or else the kind
// of cause.
func causeOf(value []byte) (string, error) {
	var published struct {
		Cause struct {
			Kind      string `json:"kind"`
			EventType string `json:"event_type"`
		} `json:"cause"`
	}
	if err := json.Unmarshal(value, &published); err != nil {
		return "", fmt.Errorf("reading a change: %w", err)
	}
	if published.Cause.EventType != "" {
		return published.Cause.EventType, nil
	}
	return published.Cause.Kind, nil
}

// stand takes in how the shards stand.
func (w *watcher) stand(shards []*pipeline.Status) {
	sum := replay.Summary{StreamTime: instant.None}
	for _, shard := range shards {
		if shard != nil {
			sum.Add(&shard.State)
		}
	}
	w.now.Time, w.now.Sizes = sum.StreamTime, sum.Sizes
	w.now.Events, w.now.DeadLetters = sum.Counts.Consumed, sum.Counts.Rejected()
	w.now.Rate = w.rate.of(sum.Counts.Consumed, time.Now())
	if w.now.Step == CatchingUp && sum.Counts.Consumed >= w.history {
		w.now.Step = Live
	}
}

// summary is what everything came to, when the pipeline has ended.
func (w *watcher) summary(ctx context.Context) (*replay.Summary, error) {
	if err := w.tail.Rest(ctx, w.visit); err != nil {
		return nil, fmt.Errorf("reading the last changes: %w", err)
	}
	states, err := w.world.States(ctx)
	if err != nil {
		return nil, err
	}
	for i := range states {
		w.total.Add(&states[i])
	}
	return &w.total, nil
}

// rate is how much a count grew in the last second or so.
type rate struct {
	marks []mark
}

type mark struct {
	count int64
	at    time.Time
}

// of takes in the count as it is now, and returns its growth per second since
// about a second ago.
func (r *rate) of(count int64, now time.Time) int64 {
	r.marks = append(r.marks, mark{count, now})
	for len(r.marks) > 2 && now.Sub(r.marks[1].at) >= time.Second {
		r.marks = r.marks[1:]
	}
	first := r.marks[0]
	seconds := now.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return int64(float64(count-first.count)/seconds + 0.5)
}
