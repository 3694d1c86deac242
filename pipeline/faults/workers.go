package main

import (
	"context"
	"time"
)

func init() {
	matrix = append(matrix,
		row{name: "kill-random", fault: "kill -9 a worker at random", full: 100, reduced: 3, bound: session + 5*time.Second, apply: killAtRandom})
}

// killAtRandom ends workers at any moment, each replaced at once, as by an orchestrator.
func killAtRandom(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		if err := f.pause(ctx, time.Duration(f.chance.Int64N(int64(time.Second)))); err != nil {
			return err
		}
		killed := f.kill(f.any())
		if _, err := f.start(ctx); err != nil {
			return err
		}
		if err := f.recovers(ctx, killed); err != nil {
			return err
		}
	}
	return nil
}
