package pipeline

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/source"
)

// How a fetcher asks. A long poll ends as soon as one partition has something.
const (
	longPoll     = 100 * time.Millisecond
	noPoll       = 0
	fetchTimeout = 30 * time.Second
	maxFetch     = 16 << 20
	fetchPause   = 100 * time.Millisecond // after an error, doubled up to
	maxPause     = 2 * time.Second
)

// fetcher reads inputs of all shards with one request at a time per broker,
// instead of one long poll per partition. There are two: one waits at the logs'
// ends; the other reads where more is known to be there, so that a shard far
// behind never waits for those that are not.
type fetcher struct {
	log    Log
	logger *zap.Logger
	poll   time.Duration // how long the broker may wait for something to come
	tick   func() int64
	ailing map[source.Position]int64 // inputs that could not be read, and the tick at which this was said

	mu    sync.Mutex
	wants map[*driver][]source.Position
	wake  chan struct{}
}

func newFetcher(log Log, logger *zap.Logger, poll time.Duration, tick func() int64) *fetcher {
	return &fetcher{log: log, logger: logger, poll: poll, tick: tick, ailing: map[source.Position]int64{}, wants: map[*driver][]source.Position{}, wake: make(chan struct{}, 1)}
}

// want says where a shard reads on; it replaces what the shard said before.
func (f *fetcher) want(d *driver, at []source.Position) {
	f.mu.Lock()
	before := len(f.wants[d])
	f.wants[d] = append(f.wants[d][:0], at...)
	f.mu.Unlock()
	if len(at) > before {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// next returns every position wanted, and whose it is.
func (f *fetcher) next() ([]source.Position, map[source.Position]*driver) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var at []source.Position
	owners := map[source.Position]*driver{}
	for d, wants := range f.wants {
		for _, p := range wants {
			at = append(at, p)
			owners[source.Position{Topic: p.Topic, Partition: p.Partition}] = d
		}
	}
	return at, owners
}

// run fetches until ctx ends. Shards answer every delivery with where they read
// on before the next request goes out, so that nothing is asked for twice.
func (f *fetcher) run(ctx context.Context) error {
	pause := fetchPause
	for {
		at, owners := f.next()
		if len(at) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-f.wake:
			}
			continue
		}
		asked := f.tick()
		answers, err := f.fetch(ctx, at)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			f.tell(everything, err, asked)
			if !sleep(ctx, pause) {
				return ctx.Err()
			}
			pause = min(2*pause, maxPause)
			continue
		}
		pause = fetchPause
		f.tell(everything, nil, asked)
		f.deliver(ctx, answers, asked, owners)
	}
}

func (f *fetcher) fetch(ctx context.Context, at []source.Position) ([]source.Fetched, error) {
	bounded, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	return f.log.Fetch(bounded, at, f.poll, maxFetch)
}

// deliver hands every answer to its shard and waits until all have read them.
func (f *fetcher) deliver(ctx context.Context, answers []source.Fetched, asked int64, owners map[source.Position]*driver) {
	var read sync.WaitGroup
	failed := false
	for _, a := range answers {
		d := owners[source.Position{Topic: a.Topic, Partition: a.Partition}]
		if d == nil {
			continue
		}
		if a.Err != nil && !source.OutOfRange(a.Err) {
			failed = true
		}
		f.tell(source.Position{Topic: a.Topic, Partition: a.Partition}, a.Err, asked)
		read.Add(1)
		select {
		case d.fetched <- delivery{fetched: a, asked: asked, read: read.Done}:
		case <-d.gone:
			read.Done()
		case <-ctx.Done():
			read.Done()
		}
	}
	read.Wait() // a shard that took a delivery always reads it
	if failed {
		sleep(ctx, fetchPause)
	}
}

// everything is in the place of an input where none can be read.
var everything source.Position

// tell logs an input that cannot be read: at first, then once in a while, and
// when it can be read again.
func (f *fetcher) tell(input source.Position, err error, tick int64) {
	told, ails := f.ailing[input]
	switch {
	case err == nil && ails:
		f.about(input).Info("can be read again")
		delete(f.ailing, input)
	case err != nil && (!ails || tick-told >= troubleInterval):
		f.about(input).Warn("reading; trying again", zap.Error(err))
		f.ailing[input] = tick
	}
}

func (f *fetcher) about(input source.Position) *zap.Logger {
	if input == everything {
		return f.logger.With(zap.String("topic", "all inputs"))
	}
	return f.logger.With(zap.String("topic", input.Topic), zap.Int32("partition", input.Partition))
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
