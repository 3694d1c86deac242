package demo

import (
	"sync/atomic"
	"time"

	"github.com/tidemark/tidemark/pipeline"
)

// clock is the shop's time. It stands still until it is started, and then runs
// speed times as fast as ours.
type clock struct {
	from  int64 // where it stands, unix ms
	speed float64
	zero  time.Time                 // of the ticks
	begun atomic.Pointer[time.Time] // nil: not yet
}

func newClock(from int64, speed float64) *clock {
	return &clock{from: from, speed: speed, zero: time.Now()}
}

func (c *clock) start() {
	now := time.Now()
	c.begun.Store(&now)
}

// now is the shop's time, unix ms.
func (c *clock) now() int64 {
	begun := c.begun.Load()
	if begun == nil {
		return c.from
	}
	return c.from + int64(float64(time.Since(*begun))/float64(time.Millisecond)*c.speed)
}

// read is what the shards are told: the shop's time, but ticks of ours, by which
// they judge how old an answer is.
func (c *clock) read() pipeline.Clock {
	return pipeline.Clock{Now: c.now(), Tick: time.Since(c.zero).Milliseconds()}
}
