package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

// crew is the workers of a row, and what becomes of them.
type crew struct {
	environment []string // of every worker
	tended      bool

	mu       sync.Mutex
	workers  []*service.Worker
	started  int
	trouble  error // a worker ended by itself
	refusals int   // to start because a server was away; they are started again
}

// work starts the workers, and returns when they have consumed what there is.
func (f *field) work(ctx context.Context, environment ...string) error {
	for range fleet {
		if _, err := f.start(ctx, environment...); err != nil {
			return err
		}
	}
	f.tend(ctx)
	return errors.Join(f.consumed(ctx), f.settled(ctx))
}

// start starts a worker in addition to those there are.
func (f *field) start(ctx context.Context, environment ...string) (*service.Worker, error) {
	return f.startOf(ctx, f.binary, environment...)
}

// startOf is start of another program.
func (f *field) startOf(ctx context.Context, binary string, environment ...string) (*service.Worker, error) {
	w, err := f.launch(ctx, binary, environment...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.workers = append(f.workers, w)
	}
	return w, err
}

// stray starts a worker whose end is the row's business: nobody starts it again.
func (f *field) stray(ctx context.Context, environment ...string) (*service.Worker, error) {
	w, err := f.launch(ctx, f.binary, environment...)
	if err == nil {
		f.later(func() error {
			w.Kill()
			return nil
		})
	}
	return w, err
}

func (f *field) launch(ctx context.Context, binary string, environment ...string) (*service.Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started++
	return f.service.StartOf(ctx, binary, f.started, append(f.environment, environment...)...)
}

// running are the workers that there are now.
func (f *field) running() []*service.Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*service.Worker(nil), f.workers...)
}

// any is one of the workers.
func (f *field) any() *service.Worker {
	all := f.running()
	return all[f.chance.IntN(len(all))]
}

// release lets a worker's end be no trouble; nobody starts it again.
func (f *field) release(w *service.Worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.workers {
		if f.workers[i] == w {
			f.workers = append(f.workers[:i:i], f.workers[i+1:]...)
			return
		}
	}
}

// kill ends a worker as a crash would, and tells when. Nobody takes its place.
func (f *field) kill(w *service.Worker) time.Time {
	f.release(w)
	at := time.Now()
	w.Kill()
	return at
}

// terminate asks a worker to end, and tells how long it took. Nobody takes its place.
func (f *field) terminate(ctx context.Context, w *service.Worker) (time.Duration, error) {
	f.release(w)
	asked := time.Now()
	w.Signal(syscall.SIGTERM)
	select {
	case <-w.Ended():
	case <-ctx.Done():
		return 0, fmt.Errorf("a worker that was asked to end did not: %s", w.LastWords())
	}
	if w.Code() != 0 {
		return 0, fmt.Errorf("a worker that was asked to end did with code %d: %s", w.Code(), w.LastWords())
	}
	return w.End().Sub(asked), nil
}

// tendInterval is how soon a worker that ended by itself is seen.
const tendInterval = 100 * time.Millisecond

// tend starts workers again that refused to start, as an orchestrator would,
// until the row ends. Any other end by itself fails the row: a worker that has
// begun to work outlasts whatever happens to its servers.
func (f *field) tend(ctx context.Context) {
	if f.tended {
		return
	}
	f.tended = true
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(tendInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f.replace(ctx)
			}
		}
	}()
	f.later(func() error {
		cancel()
		<-done
		return nil
	})
}

func (f *field) replace(ctx context.Context) {
	for _, w := range f.running() {
		if !w.Gone() {
			continue
		}
		f.release(w)
		refused := w.Code() == 1 && !w.Gained()
		_, err := f.start(ctx)
		f.mu.Lock()
		if refused {
			f.refusals++
		} else {
			err = errors.Join(err, fmt.Errorf("worker %d ended by itself with code %d: %s", w.Number, w.Code(), w.LastWords()))
		}
		f.trouble = errors.Join(f.trouble, err)
		f.mu.Unlock()
	}
}

// settled waits until every worker is ready: before that, one that is asked to end
// has nothing to bring to rest, or does not even listen.
func (f *field) settled(ctx context.Context) error {
	err := real.Await(ctx, time.Minute, func(ctx context.Context) error {
		live := 0
		for _, w := range f.running() {
			report, err := w.Ready(ctx)
			if err != nil {
				return err
			}
			if !report.OK {
				return fmt.Errorf("worker %d is not ready: %+v", w.Number, report.Reasons)
			}
			live += report.Shards[pipeline.Live.String()]
		}
		if live != shards {
			return fmt.Errorf("%d shards are live", live)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("waiting until every worker is ready: %w", err)
	}
	return nil
}

// drain asks all workers to end, and returns when they have.
func (f *field) drain(ctx context.Context) error {
	var draining sync.WaitGroup
	all := f.running()
	errs := make([]error, len(all))
	for i, w := range all {
		draining.Go(func() { _, errs[i] = f.terminate(ctx, w) })
	}
	draining.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(errors.Join(errs...), f.trouble)
}
