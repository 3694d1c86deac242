package feed

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/pipeline/source"
)

// tick is the least time between two batches: what is due within it goes at once.
const tick = 2 * time.Millisecond

// Pace says how many events are due, so that n events take n/rate seconds
// however long each batch takes: what was missed is made up for.
type Pace struct {
	began time.Time
	rate  float64 // events per second; 0: as many as can be
}

// NewPace begins now.
func NewPace(rate float64) *Pace { return &Pace{began: time.Now(), rate: rate} }

// Due waits until at least one event more than done is due, and returns how many
// are, at most limit.
func (p *Pace) Due(ctx context.Context, done int64, limit int) (int, error) {
	if p.rate == 0 {
		return limit, ctx.Err()
	}
	for wait := time.Duration(0); ; wait = max(tick, p.at(done+1)-time.Since(p.began)) {
		if wait > 0 {
			if err := source.Pause(ctx, wait); err != nil {
				return 0, err
			}
		}
		if due := int64(time.Since(p.began).Seconds() * p.rate); due > done {
			return int(min(due-done, int64(limit))), ctx.Err()
		}
	}
}

// at is when the n-th event is due.
func (p *Pace) at(n int64) time.Duration {
	return time.Duration(float64(n) / p.rate * float64(time.Second))
}
