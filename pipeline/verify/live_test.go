package verify_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/shop"
)

// live is a namespace on which workers run by a clock of the test's own, while
// a shop writes to the log and somebody cuts them down.
type live struct {
	*world
	t       *testing.T
	rng     *rand.Rand // of the deaths
	pace    *rand.Rand // of the writer
	publish string
	last    func(shard int32, state *store.State) bool // the commit with which a worker dies, besides those of steps
	now     atomic.Int64                               // unix ms
	begin   time.Time

	mu     sync.Mutex
	ends   map[string]int64
	shards map[int32]store.State
	moved  chan struct{} // one commit or take-over at least since it was read
	done   chan struct{} // everything written was consumed; made anew for each wait
}

func newLive(t *testing.T, publish string, seed uint64) *live {
	return &live{world: newWorld(t), t: t, rng: rand.New(rand.NewPCG(seed, 1)), pace: rand.New(rand.NewPCG(seed, 2)), publish: publish, begin: time.Now(),
		shards: map[int32]store.State{}, moved: make(chan struct{}, 1)}
}

// clock shows the test's time; its ticks are real, as answers of servers take
// real time.
func (l *live) clock() pipeline.Clock {
	return pipeline.Clock{Now: l.now.Load(), Tick: time.Since(l.begin).Milliseconds()}
}

// worker is one life of a worker: it ends at its deaths-th step, before or after
// that takes effect.
type worker struct {
	pipeline.Ports
	live   *live
	left   atomic.Int64 // steps until it dies; far away: it does not
	after  bool
	cancel context.CancelFunc
}

func (w *worker) step(do func() error) error {
	struck := w.left.Add(-1) == 0
	if struck && !w.after {
		w.cancel()
		return context.Canceled
	}
	err := do()
	if struck {
		w.cancel()
		return context.Canceled
	}
	return err
}

func (w *worker) ProduceIf(ctx context.Context, topic string, p int32, records []sink.Record, may func() bool) (base int64, err error) {
	err = w.step(func() (err error) { base, err = w.Sink.ProduceIf(ctx, topic, p, records, may); return err })
	return base, err
}

func (w *worker) Write(ctx context.Context, letters []deadletter.Letter) error {
	return w.step(func() error { return w.Letters.Write(ctx, letters) })
}

func (w *worker) Session(ctx context.Context, shard int32) (store.Session, error) {
	s, err := w.Store.Session(ctx, shard)
	return &workerSession{Session: s, worker: w, shard: shard}, err
}

type workerSession struct {
	store.Session
	worker *worker
	shard  int32
}

// TakeOver notes, too, what a worker that died has committed without an answer.
func (s *workerSession) TakeOver(ctx context.Context, expect, fresh string) (store.State, []byte, error) {
	state, outbox, err := s.Session.TakeOver(ctx, expect, fresh)
	if err == nil {
		s.worker.live.committed(s.shard, &state)
	}
	return state, outbox, err
}

func (s *workerSession) Commit(ctx context.Context, c *store.Commit) error {
	return s.worker.step(func() error {
		err := s.Session.Commit(ctx, c)
		if err == nil {
			s.worker.live.committed(s.shard, c.State)
		}
		if last := s.worker.live.last; last != nil && last(s.shard, c.State) {
			s.worker.cancel()
		}
		return err
	})
}

// committed notes where a shard stands.
func (l *live) committed(shard int32, state *store.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shards[shard] = state.Clone()
	select {
	case l.moved <- struct{}{}:
	default:
	}
	l.settle()
}

// reread finds where the shards stand now: Redis went back.
func (l *live) reread() {
	for shard := range int32(local.Partitions) {
		session, err := l.Redis.Session(l.t.Context(), shard)
		require.NoError(l.t, err)
		state, err := session.Head(l.t.Context())
		require.NoError(l.t, err)
		require.NoError(l.t, session.Close())
		l.mu.Lock()
		l.shards[shard] = state
		l.mu.Unlock()
	}
}

// settle closes done when everything that is written was consumed.
func (l *live) settle() {
	if l.done == nil {
		return
	}
	next := map[string]int64{}
	for _, state := range l.shards {
		if state.Adopt != nil {
			return
		}
		for i := range state.Topics {
			next[state.Topics[i].Name] += state.Topics[i].Next
		}
	}
	for topic, end := range l.ends {
		if next[topic] < end {
			return
		}
	}
	close(l.done)
	l.done = nil
}

const never = 1 << 40

// run is one worker's life; false if it was drained, everything being written
// and consumed, and not killed.
func (l *live) run(steps int64, written <-chan struct{}) bool {
	ctx, cancel := context.WithCancel(l.t.Context())
	w := &worker{Ports: l.connect().Ports(), live: l, after: l.rng.IntN(2) == 0, cancel: cancel}
	w.left.Store(steps)
	config := l.config()
	config.WallClock, config.TimerGrace, config.Publish, config.Clock = true, time.Hour, l.publish, l.clock
	config.Limits.BatchCustomers, config.Limits.BatchRecords, config.Limits.StageRecords = 20, 30, 10
	config.Limits.TimerPiece, config.Limits.CacheBytes, config.Limits.PublishBytes = 5, 20_000, 10_000
	p, err := pipeline.New(config, pipeline.Ports{Log: w.Log, Store: w, Sink: w, Letters: w})
	require.NoError(l.t, err)
	var drainer sync.WaitGroup
	defer drainer.Wait()
	defer cancel()
	drainer.Go(func() {
		select {
		case <-written:
		case <-ctx.Done():
			return
		}
		select {
		case <-l.settled():
			p.Drain()
		case <-ctx.Done():
		}
	})
	if err := p.Run(ctx); err != nil {
		require.ErrorIs(l.t, err, context.Canceled)
		return true
	}
	return false
}

// drain lets a worker consume what is in the log, and end.
func (l *live) drain() {
	l.t.Helper()
	written := make(chan struct{})
	close(written)
	require.False(l.t, l.run(never, written), "the worker died by itself")
}

// runUntil lets a worker die with a commit after which the shard is as wanted.
func (l *live) runUntil(last func(*store.State) bool) {
	l.t.Helper()
	l.last = func(shard int32, state *store.State) bool { return shard == theShard && last(state) }
	require.True(l.t, l.run(never, nil), "it is to be left half done")
	l.last = nil
}

// write writes lines to the log, a few at a time, and lets the clock follow.
// With wait each piece waits until somebody has committed something.
func (l *live) write(lines []shopLine, wait bool) {
	for len(lines) > 0 {
		n := min(len(lines), 40+l.pace.IntN(200))
		var texts []string
		for _, line := range lines[:n] {
			texts = append(texts, line.text)
		}
		select {
		case <-l.moved:
		default:
		}
		l.feed(texts...)
		// Sometimes the clock runs ahead, so that what follows is late.
		l.now.Store(lines[n-1].at + int64(l.pace.IntN(3))*24*3600_000)
		lines = lines[n:]
		if wait {
			select {
			case <-l.moved:
			case <-l.t.Context().Done():
				return
			}
		}
	}
}

type shopLine struct {
	text string
	at   int64
}

func liveLines(t *testing.T, seed uint64) (lines []shopLine) {
	o := shop.Default()
	o.Customers, o.Events, o.Seed = 60, 2400, seed
	o.Duplicates, o.Disorder, o.Malformed, o.Zipf = 0.1, 0.1, 0.02, 0.8
	o.Model.Erasures = 0.005
	s, err := shop.New(o)
	require.NoError(t, err)
	for line, ok := s.Next(); ok; line, ok = s.Next() {
		lines = append(lines, shopLine{string(line.Value), line.At})
	}
	return lines
}

// settled is closed when what is in the log now was consumed, and whoever had to
// be silent may speak again.
func (l *live) settled() <-chan struct{} {
	done := make(chan struct{})
	ends := map[string]int64{}
	for _, topic := range l.where.Inputs {
		for p := range int32(local.Partitions) {
			_, end, err := l.Client.Bounds(l.t.Context(), topic, p)
			if err != nil {
				return done // the test is over
			}
			ends[topic] += end
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends, l.done = ends, done
	l.settle()
	return done
}

// live runs a shop's year with workers that die; between says what happens
// after each death.
func (l *live) live(lines []shopLine, deaths int, between func(death int)) {
	history := len(lines) / 3
	l.write(lines[:history], false)
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.write(lines[history:], true)
	}()
	death := 0
	for ; death < deaths && l.run(3+l.rng.Int64N(40), written); death++ {
		between(death)
	}
	require.GreaterOrEqual(l.t, death, 5, "it was drained too early")
	require.False(l.t, l.run(never, written), "a worker died by itself")
}

func TestALiveRunWithKillsIsRight(t *testing.T) {
	for _, publish := range []string{pipeline.PublishAll, pipeline.PublishSnapshot, pipeline.PublishNone} {
		t.Run(publish, func(t *testing.T) {
			l := newLive(t, publish, 7)
			l.live(liveLines(t, 3), 18, func(int) {})
			r := l.verify(false)
			requireClean(t, r)
			require.Equal(t, int64(2400), r.Records.Consumed)
			require.Empty(t, r.Rewound)
		})
	}
}

func TestALiveRunOnARedisThatGoesBackIsRight(t *testing.T) {
	l := newLive(t, pipeline.PublishAll, 8)
	var saved snapshot
	l.live(liveLines(t, 4), 18, func(death int) {
		switch death % 6 {
		case 1:
			saved = l.save()
		case 4:
			l.restore(saved)
			l.reread()
		}
	})
	r := l.verify(false)
	requireClean(t, r)
	require.NotEmpty(t, r.Rewound)
}
