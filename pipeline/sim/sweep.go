package sim

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// Sweep plays cases on all cores, as next gives them, until it gives no more or
// ctx is over. each hears every outcome, one at a time, and ends the sweep by
// saying false.
func Sweep(ctx context.Context, next func() (Case, bool), each func(Case, Outcome) bool) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var mu sync.Mutex
	take := func() (Case, bool) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return Case{}, false
		}
		return next()
	}
	hear := func(c Case, o Outcome) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil && !each(c, o) {
			end()
		}
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for c, ok := take(); ok; c, ok = take() {
				hear(c, c.Run(false))
			}
		})
	}
	workers.Wait()
}

// Seeds gives n seeds from the first one on, 0 for all there are.
func Seeds(first, n uint64) func() (Case, bool) {
	seed := first
	return func() (Case, bool) {
		if n > 0 && seed-first >= n {
			return Case{}, false
		}
		seed++
		return Case{Seed: seed - 1}, true
	}
}

// Report tells of a failure, how to see it again, and how to find a smaller one.
func (c Case) Report(err error) string {
	return fmt.Sprintf("seed %s: %v\nrepeat it with\n\tgo run ./pipeline/sim/simulate -trace '%s'\nfind a smaller one with\n\tgo run ./pipeline/sim/simulate -shrink '%s'",
		c, err, c, c)
}
