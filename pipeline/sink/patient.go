package sink

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/pipeline/source"
)

const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// patient is what Patient makes.
type patient struct{ to Log }

// Patient makes a Log that writes again, with growing pauses and until ctx ends,
// what failed with an error that passes: a leader that moves, a broker that
// restarts. So records may be written more than once.
func Patient(to Log) Log { return patient{to} }

func (p patient) Produce(ctx context.Context, topic string, partition int32, records []Record) (int64, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		base, err := p.to.Produce(ctx, topic, partition, records)
		if err == nil || ctx.Err() != nil || !source.Temporary(err) {
			return base, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, err
		}
	}
}
