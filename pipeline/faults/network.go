package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

func init() {
	matrix = append(matrix,
		row{name: "network", fault: "network cut between a worker and Redis, or Kafka, both ways or one way, for 5–60 s", full: 5, reduced: 1,
			servers: routed, apply: cutNetwork})
}

// routed gives each worker a way of its own to Redis and to Kafka.
func routed(ctx context.Context, f *field) error {
	if err := unrewritten(ctx, f); err != nil {
		return err
	}
	if err := f.layRoutes(f.redis.Addr()); err != nil {
		return err
	}
	f.service.Own = func(worker int) (kafka, redis []string) {
		i := (worker - 1) % fleet
		return f.kafka.Route(i).Addrs(), []string{f.routes[i].Addr()}
	}
	return nil
}

// idle is how much of a core a worker may use that can reach nothing, and spare
// what it may use up to then and to find out.
const (
	idle  = 0.3
	spare = 1.0 // seconds
)

// cutNetwork cuts a worker from one of its servers.
func cutNetwork(ctx context.Context, f *field) error {
	most := 0.0
	for range f.dose {
		for _, ways := range []real.Way{real.BothWays, real.ToServer, real.ToClient} {
			for _, kafka := range []bool{false, true} {
				f.runs++
				used, err := f.cutOff(ctx, f.chance.IntN(fleet), kafka, ways)
				if err != nil {
					return err
				}
				most = max(most, used)
			}
		}
	}
	f.remark("a worker that was cut off used %.0f %% of a core at most", 100*most)
	return nil
}

// cutOff cuts the i-th worker off for a while, and returns how much of a core it
// used meanwhile.
func (f *field) cutOff(ctx context.Context, i int, kafka bool, ways real.Way) (used float64, err error) {
	route := real.Route{f.routes[i]}
	if kafka {
		route = f.kafka.Route(i)
	}
	w := f.worker(i)
	route.Cut(ways)
	begun := time.Now()
	busy, err := w.CPU()
	if err == nil {
		err = f.pause(ctx, f.outage())
	}
	after, failed := w.CPU()
	took := time.Since(begun)
	healed := time.Now()
	if err = errors.Join(err, failed, route.Heal()); err != nil {
		return 0, err
	}
	used = (after - busy).Seconds()
	if used > spare+idle*took.Seconds() {
		return 0, fmt.Errorf("worker %d was cut off for %v and used %.1f s of CPU time meanwhile", w.Number, took, used)
	}
	return used / took.Seconds(), f.recovers(ctx, healed)
}

// worker is the one that has the i-th routes.
func (f *field) worker(i int) *service.Worker {
	for _, w := range f.running() {
		if (w.Number-1)%fleet == i {
			return w
		}
	}
	return f.any()
}

// outage is how long a network is away: 5–60 s in full doses.
func (f *field) outage() time.Duration {
	if f.fullDose {
		return 5*time.Second + f.upTo(55*time.Second)
	}
	return 3*time.Second + f.upTo(time.Second)
}
