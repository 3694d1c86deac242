// Package metrics tells Prometheus what a worker does. Every name begins with
// tidemark_; no label is a customer's. Counters begin with the process; gauges
// are of the shards that it owns now, so sums over workers are the namespace's.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Metrics is what the shards of one worker report. All methods may be called
// from any goroutine, and on nil, which keeps nothing.
type Metrics struct {
	records     *prometheus.CounterVec
	recordBytes *prometheus.CounterVec
	changes     *prometheus.CounterVec
	dropped     prometheus.Counter
	hits        prometheus.Counter
	misses      prometheus.Counter
	takeOvers   *prometheus.CounterVec
	rewinds     prometheus.Counter
	fenced      prometheus.Counter
	errors      *prometheus.CounterVec
	stops       *prometheus.CounterVec
	io          *prometheus.HistogramVec
	latency     prometheus.Histogram
	lateness    prometheus.Histogram
	batch       prometheus.Histogram
	touched     prometheus.Histogram
	shards      *shards
}

// New registers the metrics. Those that are read off the owned shards' standing
// come from standing when Prometheus asks.
func New(registry prometheus.Registerer, version string, standing func() Standing) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
		registry.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
		registry.MustRegister(h)
		return h
	}
	m := &Metrics{
		records:     counters("records_total", "Records consumed and stored, by what came of them.", "topic", "outcome"),
		recordBytes: counters("record_bytes_total", "Bytes of keys, values and headers of records consumed and stored.", "topic"),
		changes:     counters("changes_total", "Changes made and stored.", "dimension", "from", "to", "cause"),
		dropped:     counter("dropped_refunds_total", "Refunds that waited for their order until the horizon ended."),
		hits:        counter("cache_hits_total", "Customers found in memory."),
		misses:      counter("cache_misses_total", "Customers that had to be loaded from Redis."),
		takeOvers:   counters("takeovers_total", "Take-overs of shards, by what made them necessary.", "cause"),
		rewinds:     counter("rewinds_total", "Take-overs that found Redis behind what it had acknowledged to this worker."),
		fenced:      counter("fenced_total", "Writes that Redis refused because another worker owns the shard."),
		errors:      counters("errors_total", "Failed I/O; all of it is tried again.", "io"),
		stops:       counters("shard_stops_total", "Shards that stopped, by the code of the runbook.", "code"),
		latency: histogram("event_to_change_seconds", "From an event's record timestamp to Kafka's acknowledgement of the change it caused.",
			prometheus.ExponentialBuckets(0.001, 2, 16)),
		lateness: histogram("timer_lateness_seconds", "From a deadline to Kafka's acknowledgement of the change it caused.",
			prometheus.ExponentialBuckets(0.25, 2, 14)),
		batch:   histogram("batch_records", "Records in one commit.", prometheus.ExponentialBuckets(1, 2, 15)),
		touched: histogram("batch_customers", "Customers in one commit.", prometheus.ExponentialBuckets(1, 2, 14)),
		io: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "io_seconds",
			Help: "Duration of one I/O of a shard.", Buckets: prometheus.ExponentialBuckets(0.0002, 2, 16)}, []string{"io"}),
		shards: newShards(standing),
	}
	built := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": version}})
	built.Set(1)
	registry.MustRegister(m.io, m.shards, built)
	m.begin()
	return m
}

const namespace = "tidemark"

// begin makes the series that alerts look at exist before something happens.
func (m *Metrics) begin() {
	m.errors.WithLabelValues("fetch")
	for _, io := range []string{"commit", "publish", "load", "bury"} {
		m.errors.WithLabelValues(io)
		m.io.WithLabelValues(io)
	}
}

// Performed books one I/O.
func (m *Metrics) Performed(io string, took time.Duration, err error) {
	if m == nil {
		return
	}
	m.io.WithLabelValues(io).Observe(took.Seconds())
	if err != nil {
		m.errors.WithLabelValues(io).Inc()
	}
}

// Failed books an I/O that failed and whose duration says nothing.
func (m *Metrics) Failed(io string) {
	if m != nil {
		m.errors.WithLabelValues(io).Inc()
	}
}

// Committed books what a commit stored: the state before and after it, and its
// size.
func (m *Metrics) Committed(before, after *store.State, bytes []int64, moves *change.Moves, customers int) {
	if m == nil {
		return
	}
	var records int64
	for i := range after.Topics {
		now := &after.Topics[i]
		was := before.Topic(now.Name)
		if was == nil {
			continue
		}
		records += now.Counts.Consumed - was.Counts.Consumed
		outcomes(&was.Counts, &now.Counts, func(outcome string, n int64) {
			m.records.WithLabelValues(now.Name, outcome).Add(float64(n))
		})
		if i < len(bytes) && bytes[i] > 0 {
			m.recordBytes.WithLabelValues(now.Name).Add(float64(bytes[i]))
		}
	}
	m.dropped.Add(float64(max(after.Dropped-before.Dropped, 0)))
	m.moved(moves)
	m.batch.Observe(float64(records))
	m.touched.Observe(float64(customers))
}

// outcomes names what came of the records between two counts.
func outcomes(before, after *store.Counts, visit func(outcome string, n int64)) {
	tell := func(outcome string, was, now int64) {
		if now > was {
			visit(outcome, now-was)
		}
	}
	tell("applied", before.Applied, after.Applied)
	tell("erased", before.Erased, after.Erased)
	tell("below_floor", before.BelowFloor, after.BelowFloor)
	tell("stale", before.Stale, after.Stale)
	for r := event.Reason(1); int(r) < event.Count; r++ {
		tell(r.String(), before.Dead[r], after.Dead[r])
	}
}

func (m *Metrics) moved(moves *change.Moves) {
	if moves == nil {
		return
	}
	for from := range moves {
		for to := range moves[from] {
			for cause, n := range moves[from][to] {
				if n > 0 {
					m.changes.WithLabelValues(change.Dimension, name(segment.Segment(from)), name(segment.Segment(to)), change.Kind(cause).String()).Add(float64(n))
				}
			}
		}
	}
}

// name is a segment's, or none.
func name(s segment.Segment) string {
	if s == segment.None {
		return "none"
	}
	return s.String()
}

// Told books one change that Kafka acknowledged, waited after the record that
// caused it was appended.
func (m *Metrics) Told(waited time.Duration) {
	if m != nil {
		m.latency.Observe(max(waited, 0).Seconds())
	}
}

// Fired books one change that Kafka acknowledged, late after its deadline.
func (m *Metrics) Fired(late time.Duration) {
	if m != nil {
		m.lateness.Observe(max(late, 0).Seconds())
	}
}

// Looked books customers that were found in memory, and that were not.
func (m *Metrics) Looked(hits, misses int64) {
	if m != nil {
		m.hits.Add(float64(hits))
		m.misses.Add(float64(misses))
	}
}

// TakingOver books the beginning of a take-over.
func (m *Metrics) TakingOver(cause string) {
	if m != nil {
		m.takeOvers.WithLabelValues(cause).Inc()
	}
}

// Rewound books that Redis had gone back in time.
func (m *Metrics) Rewound() {
	if m != nil {
		m.rewinds.Inc()
	}
}

// Fenced books a write that was refused because the shard has another owner.
func (m *Metrics) Fenced() {
	if m != nil {
		m.fenced.Inc()
	}
}

// Stopped books a shard that stopped.
func (m *Metrics) Stopped(code string) {
	if m != nil {
		m.stops.WithLabelValues(code).Inc()
	}
}
