package replay

import (
	"os"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pipeline"
)

// Step is what a replay is busy with.
type Step string

// The steps of a replay, in order.
const (
	Loading   Step = "loading"   // Done and Total are bytes of the files
	Replaying Step = "replaying" // events
	Writing   Step = "writing"   // changes
)

// Progress is how far a replay has come. Total is 0 where it is not known.
type Progress struct {
	Step        Step
	Done, Total int64
}

// reportEvery is how often progress is reported: a terminal needs no more.
const reportEvery = 100 * time.Millisecond

// reporter passes progress on, not too often.
type reporter struct {
	to     func(Progress)
	last   time.Time
	step   Step
	events int64 // loaded
}

func newReporter(to func(Progress)) *reporter { return &reporter{to: to} }

func (r *reporter) report(p Progress) {
	if r.to == nil {
		return
	}
	now := time.Now()
	if p.Step == r.step && now.Sub(r.last) < reportEvery {
		return
	}
	r.last, r.step = now, p.Step
	r.to(p)
}

// watch reports how far a pipeline is, until stop is called.
func (r *reporter) watch(p *pipeline.Pipeline) (stop func()) {
	if r.to == nil {
		return func() {}
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		for {
			r.report(Progress{Step: Replaying, Done: consumed(p), Total: r.events})
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

func consumed(p *pipeline.Pipeline) (records int64) {
	for _, status := range p.Status() {
		if status == nil {
			continue
		}
		for i := range status.State.Topics {
			records += status.State.Topics[i].Counts.Consumed
		}
	}
	return records
}

// sizes is how large the files are together, 0 where one of them has no size.
func sizes(paths []string) (total int64) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == "-" || err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}
