package main

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/pipeline/real/service"
)

func init() {
	matrix = append(matrix, row{name: "rollback-all", fault: "rollback of Redis after changes were published, then all workers restarted", full: 20, reduced: 1, apply: rollbackAll})
}

// rollbackAll puts Redis back to where it was some seconds ago, while no worker
// runs that could remember: only the changes topic knows what the world was told.
func rollbackAll(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		before, err := f.redis.Snapshot(ctx)
		if err != nil {
			return err
		}
		if err := f.pause(ctx, time.Second+time.Duration(f.chance.Int64N(int64(4*time.Second)))); err != nil {
			return err
		}
		if _, err := f.probes.probe(ctx, f.shop); err != nil { // something was published that Redis forgets
			return err
		}
		var killed []*service.Worker
		for _, w := range f.running() {
			f.kill(w)
			killed = append(killed, w)
		}
		if err := f.redis.Rollback(before); err != nil {
			return err
		}
		began := time.Now()
		for range killed {
			if _, err := f.start(ctx); err != nil {
				return err
			}
		}
		if err := f.recovers(ctx, began); err != nil {
			return err
		}
	}
	return nil
}
