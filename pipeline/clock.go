package pipeline

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// MaxSkew is how far the worker's and Redis's clocks may be apart, ms: above it
// timers cannot be trusted, and the worker is not ready.
const MaxSkew = 60_000

const (
	skewInterval   = time.Second
	measureTimeout = time.Second // the worker's end waits for it: go-redis sees deadlines only
)

// TimeServer tells the time of a server that all workers share. *store.Redis is
// one.
type TimeServer interface {
	Time(ctx context.Context) (unixMs int64, err error)
}

// SystemClock follows the system's time, its ticks the monotonic one.
func SystemClock() func() Clock {
	begin := time.Now()
	return func() Clock {
		now := time.Now()
		return Clock{Now: now.UnixMilli() + clockShift(), Tick: now.Sub(begin).Milliseconds()}
	}
}

// sharedClock is a clock that is never ahead of a server's: the earlier of the
// two is stream time's guide, so that a worker whose clock is fast, or steps,
// fires no timer early. The server's time is carried on by ticks, which never
// step.
type sharedClock struct {
	local  func() Clock
	server TimeServer
	log    *zap.Logger
	origin atomic.Int64 // the server's time at tick 0, unix ms
	skew   atomic.Int64 // the server's time less ours when it was asked last, ms
}

func (c *sharedClock) now() Clock {
	clock := c.local()
	clock.Now = min(clock.Now, clock.Tick+c.origin.Load())
	return clock
}

// measure asks the server once. What it says was true at some moment between
// question and answer: the earliest reading is the safe one.
func (c *sharedClock) measure(ctx context.Context) error {
	theirs, err := c.server.Time(ctx)
	if err != nil {
		return err
	}
	answered := c.local()
	c.origin.Store(theirs - answered.Tick)
	skew := theirs - answered.Now
	if before := c.skew.Swap(skew); beyond(skew) != beyond(before) {
		c.log.Warn("the clocks of this worker and of Redis differ", zap.Int64("ms", skew), zap.Bool("ready", !beyond(skew)))
	}
	return nil
}

func beyond(skew int64) bool { return skew > MaxSkew || skew < -MaxSkew }

// run measures until ctx ends. A server that does not answer leaves the last
// measure standing, which ticks carry on; that it is away the shards say.
func (c *sharedClock) run(ctx context.Context) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, measureTimeout)
		_ = c.measure(bounded)
		cancel()
		if !sleep(ctx, skewInterval) {
			return ctx.Err()
		}
	}
}
