package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/client"
)

// reads is how long client.Get takes at a steady rate.
type reads struct {
	Rate int `json:"gets_per_second"`
	quantiles
	Done float64 `json:"done_per_second"`
}

const (
	readRate    = 20_000 // Gets per second
	readWorkers = 32
)

// reads asks for the customers of the log that was read last, each Get timed from
// when it was due: that it had to wait for others counts.
func (b *bench) reads(ctx context.Context) error {
	if b.last.name == "" {
		inputs, err := b.logOf(ctx, &workloads[0])
		if err != nil {
			return err
		}
		if _, err := b.follow(ctx, workloads[0].name, inputs); err != nil {
			return err
		}
	}
	r := redis.NewClient(&redis.Options{Addr: b.redis.Addr(), DisableIdentity: true, PoolSize: readWorkers})
	defer func() { _ = r.Close() }()
	segments := client.New(r, b.last.name)
	due := make(chan time.Time, readRate)
	all := make([][]time.Duration, readWorkers)
	errs := make([]error, readWorkers)
	var group sync.WaitGroup
	begin := time.Now()
	for i := range readWorkers {
		group.Go(func() { all[i], errs[i] = ask(ctx, segments, due, begin.Add(b.warmUp)) })
	}
	schedule(ctx, due, begin, b.warmUp+b.seconds)
	group.Wait()
	var took []time.Duration
	for i := range all {
		if errs[i] != nil {
			return errs[i]
		}
		took = append(took, all[i]...)
	}
	q, err := quantilesOf(took)
	b.report.Reads = &reads{Rate: readRate, quantiles: q, Done: float64(len(took)) / b.seconds.Seconds()}
	return err
}

// schedule says when each Get is due, evenly.
func schedule(ctx context.Context, due chan<- time.Time, begin time.Time, lasting time.Duration) {
	defer close(due)
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for sent := 0; ; {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		now := time.Since(begin)
		if now > lasting {
			return
		}
		for n := int(now.Seconds() * readRate); sent < n; sent++ {
			select {
			case due <- time.Now():
			case <-ctx.Done():
				return
			}
		}
	}
}

// ask does the Gets that are due, and keeps how long those after the warm-up took.
func ask(ctx context.Context, segments *client.Client, due <-chan time.Time, from time.Time) (took []time.Duration, err error) {
	for at := range due {
		if err != nil {
			continue // the schedule must not wait for us
		}
		id := string(customerID(rand.IntN(workloads[0].shop.customers)))
		if _, err = segments.Get(ctx, id); err != nil {
			err = fmt.Errorf("reading customer %s: %w", id, err)
		} else if at.After(from) {
			took = append(took, time.Since(at))
		}
	}
	return took, err
}
