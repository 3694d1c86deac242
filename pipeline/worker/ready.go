package worker

import (
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pipeline"
)

// Report is the body of /livez and /readyz.
type Report struct {
	OK      bool           `json:"ok"`
	Reasons []Reason       `json:"reasons"` // why not
	Shards  map[string]int `json:"shards,omitempty"`
}

// Reason is one thing that is not as it should be.
type Reason struct {
	Code    string  `json:"code"` // of docs/runbook.md
	Shards  []int32 `json:"shards,omitempty"`
	Message string  `json:"message"`
}

// work is what is judged. *pipeline.Pipeline is it.
type work interface {
	Status() []*pipeline.Status
	Member() bool
	Skew() int64
	Stuck() []int32
}

// readiness judges how the worker stands.
type readiness struct {
	pipeline work
	growth   *growth
	eviction *eviction
}

// alive fails where only a new process helps.
func (r *readiness) alive() Report {
	report := Report{Reasons: []Reason{}}
	if stuck := r.pipeline.Stuck(); len(stuck) > 0 {
		report.add(stuck, &pipeline.Stop{Code: "stuck", Reason: "the shards' drivers do not move any more",
			Remedy: "restart this process, and report a bug with its goroutines"})
	}
	return report.judge()
}

// report tells whether this worker does its share of the work.
func (r *readiness) report() Report {
	report := Report{Reasons: []Reason{}, Shards: map[string]int{}}
	var takingOver []int32
	for _, s := range r.pipeline.Status() {
		report.Shards[s.Phase.String()]++
		switch s.Phase {
		case pipeline.TakingOver:
			takingOver = append(takingOver, s.Shard)
		case pipeline.Stopped:
			report.add([]int32{s.Shard}, s.Stop)
		}
		if s.Failing != nil {
			report.add([]int32{s.Shard}, &pipeline.Stop{Code: "failing", Reason: fmt.Sprintf("the shard has waited for half a minute: %v", s.Failing),
				Remedy: "mend that server or right; the shard goes on by itself"})
		}
	}
	if !r.pipeline.Member() {
		report.add(nil, &pipeline.Stop{Code: "joining", Reason: "the consumer group has not given this worker its share yet",
			Remedy: "if this lasts, see whether the group's coordinator can be reached"})
	}
	if len(takingOver) > 0 {
		report.add(takingOver, &pipeline.Stop{Code: "taking-over", Reason: "the shards are being taken over",
			Remedy: "if this lasts, the log says which server does not answer"})
	}
	if skew := r.pipeline.Skew(); skew > pipeline.MaxSkew || skew < -pipeline.MaxSkew {
		report.add(nil, &pipeline.Stop{Code: "clock-skew", Reason: fmt.Sprintf("Redis's clock is ahead of this worker's by %d ms", skew),
			Remedy: "set both by NTP"})
	}
	for _, found := range []*pipeline.Stop{r.growth.found.Load(), r.eviction.found.Load()} {
		if found != nil {
			report.add(nil, found)
		}
	}
	return report.judge()
}

func (r *Report) add(shards []int32, why *pipeline.Stop) {
	r.Reasons = append(r.Reasons, Reason{Code: why.Code, Shards: slices.Clone(shards), Message: why.Error()})
}

func (r *Report) judge() Report {
	r.OK = len(r.Reasons) == 0
	return *r
}
