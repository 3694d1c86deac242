package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Standing is how the worker stands at one moment.
type Standing struct {
	Shards    []Shard // those owned
	ClockSkew float64 // seconds by which Redis's clock is ahead of the worker's
}

// Shard is how one owned shard stands.
type Shard struct {
	Number        int32
	State         string // taking_over, silent, live, stopped or ended
	Sizes         [segment.Count]int64
	Lag           []Lag
	StreamLag     float64 // seconds from stream time to now
	StreamKnown   bool    // there is a stream time
	OutboxChanges int
	OutboxBytes   int
}

// Lag is how many records of an input lie behind the shard's offset.
type Lag struct {
	Topic   string
	Records int64
}

// States are those that a shard may be in.
var States = []string{"taking_over", "silent", "live", "stopped", "ended"}

// shards collects gauges from the owned shards when it is asked: a shard that
// was given away leaves nothing behind.
type shards struct {
	standing func() Standing

	count, customers, lag, streamLag, outboxChanges, outboxBytes, skew *prometheus.Desc
}

func newShards(standing func() Standing) *shards {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	}
	return &shards{
		standing:      standing,
		count:         desc("shards", "Shards that this worker owns, by state; owned is all of them.", "state"),
		customers:     desc("customers", "Customers of the owned shards, by segment.", "dimension", "segment"),
		lag:           desc("lag_records", "Records of an owned partition that are not consumed yet.", "topic", "partition"),
		streamLag:     desc("stream_lag_seconds", "How far an owned shard's stream time is behind now.", "shard"),
		outboxChanges: desc("outbox_changes", "Changes that Kafka has not acknowledged.", "shard"),
		outboxBytes:   desc("outbox_bytes", "Bytes of changes that Kafka has not acknowledged.", "shard"),
		skew:          desc("clock_skew_seconds", "How far Redis's clock is ahead of this worker's."),
	}
}

// Describe implements prometheus.Collector.
func (s *shards) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.count, s.customers, s.lag, s.streamLag, s.outboxChanges, s.outboxBytes, s.skew} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *shards) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	now := s.standing()
	states := map[string]int{}
	var sizes [segment.Count]int64
	for i := range now.Shards {
		shard := &now.Shards[i]
		states[shard.State]++
		number := strconv.Itoa(int(shard.Number))
		for seg, n := range shard.Sizes {
			sizes[seg] += n
		}
		for _, l := range shard.Lag {
			gauge(s.lag, float64(l.Records), l.Topic, number)
		}
		if shard.StreamKnown {
			gauge(s.streamLag, shard.StreamLag, number)
		}
		gauge(s.outboxChanges, float64(shard.OutboxChanges), number)
		gauge(s.outboxBytes, float64(shard.OutboxBytes), number)
	}
	gauge(s.count, float64(len(now.Shards)), "owned")
	for _, state := range States {
		gauge(s.count, float64(states[state]), state)
	}
	for seg := segment.None + 1; seg < segment.Count; seg++ {
		gauge(s.customers, float64(sizes[seg]), change.Dimension, seg.String())
	}
	gauge(s.skew, now.ClockSkew)
}
