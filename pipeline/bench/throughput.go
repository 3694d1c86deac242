package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/event"
)

// workload is one preloaded log.
type workload struct {
	name string
	what string
	shop shop
}

// workloads are the logs. The first is the one that other engines are measured
// on; the last has three events per customer and batch and a change in 20 events.
var workloads = [...]workload{
	{"zipf", "100k customers, half of the events by Zipf 1.1", shop{customers: 100_000, uniform: 0.5, purchases: 0.3, days: 200}},
	{"10k", "10k customers, evenly", shop{customers: 10_000, uniform: 1, purchases: 0.3, days: 200}},
	{"1M", "1M customers, evenly", shop{customers: 1_000_000, uniform: 1, purchases: 0.3, days: 200}},
	{"steady", "50k customers, evenly, within 20 days", shop{customers: 50_000, uniform: 1, purchases: 0.05, days: 20}},
}

// throughput is one run of a worker over a log, from its beginning to its end.
type throughput struct {
	Name       string  `json:"name"`
	What       string  `json:"what"`
	Events     int64   `json:"events"`
	Changes    int64   `json:"changes"`
	FromStart  float64 `json:"seconds_from_start"`   // of the process to the last commit
	FromCommit float64 `json:"seconds_from_commit"`  // from the first commit to the last
	PerSecond  float64 `json:"per_second"`           // events after the first commit, over FromCommit
	Whole      float64 `json:"per_second_and_start"` // events over FromStart
	CPU        usage   `json:"cpu_seconds"`
	Allocs     float64 `json:"allocations_per_event"`
	AllocBytes float64 `json:"allocated_bytes_per_event"`
	Batch      float64 `json:"records_per_commit"`
	Customers  float64 `json:"customers_per_commit"`
	PeakMB     float64 `json:"peak_mb"` // of memory of the worker
}

// inputsOf are the topics of a log.
func inputsOf(name string) [2]string { return [2]string{name + "-purchases", name + "-clicks"} }

// logOf preloads a workload's log, the first time that it is wanted.
func (b *bench) logOf(ctx context.Context, w *workload) ([2]string, error) {
	inputs := inputsOf(w.name)
	if b.loaded[w.name] {
		return inputs, nil
	}
	tell("preloading " + w.name)
	if err := b.topics(ctx, real.Topic{Name: inputs[0]}, real.Topic{Name: inputs[1]}); err != nil {
		return inputs, err
	}
	if err := b.preload(ctx, w.shop, b.events, inputs); err != nil {
		return inputs, fmt.Errorf("preloading %s: %w", w.name, err)
	}
	b.loaded[w.name] = true
	return inputs, nil
}

// throughput measures each log so many times, and keeps the run in the middle.
func (b *bench) throughput(ctx context.Context) error {
	// The first log comes last: those who read afterwards find its customers.
	for i := len(workloads) - 1; i >= 0; i-- {
		w := &workloads[i]
		if b.logs != "" && !slices.Contains(strings.Split(b.logs, ","), w.name) {
			continue
		}
		inputs, err := b.logOf(ctx, w)
		if err != nil {
			return err
		}
		var runs []throughput
		for range b.rounds {
			t, err := b.follow(ctx, w.name, inputs)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			t.Name, t.What = w.name, w.what
			tell(fmt.Sprintf("%s: %.0f events/s", w.name, t.PerSecond))
			runs = append(runs, *t)
		}
		slices.SortFunc(runs, func(a, b throughput) int { return cmp.Compare(a.PerSecond, b.PerSecond) })
		b.report.Throughput = append(b.report.Throughput, runs[len(runs)/2])
	}
	slices.Reverse(b.report.Throughput)
	return nil
}

// follow runs a worker of a new namespace to the ends of the inputs.
func (b *bench) follow(ctx context.Context, name string, inputs [2]string) (*throughput, error) {
	if err := b.empty(ctx); err != nil {
		return nil, err
	}
	events, err := b.length(ctx, inputs)
	if err != nil {
		return nil, err
	}
	before, err := b.used()
	if err != nil {
		return nil, err
	}
	w, err := b.work(ctx, namespace{name: name, inputs: inputs, clock: "event"})
	if err != nil {
		return nil, err
	}
	defer w.kill()
	progress, err := b.watch(ctx, w, events)
	if err != nil {
		return nil, err
	}
	if err := w.finished(ctx); err != nil {
		return nil, err
	}
	b.last = w.namespace
	t := &throughput{Events: events, FromStart: progress.last.Sub(w.begun).Seconds(), FromCommit: progress.last.Sub(progress.first).Seconds(),
		PeakMB: progress.peak / (1 << 20)}
	if _, t.Changes, err = b.consumed(ctx, &w.namespace); err != nil { // after the last record timers fire
		return nil, err
	}
	if t.CPU, err = b.since(before, w.cpu()); err != nil {
		return nil, err
	}
	t.Whole, t.PerSecond = float64(events)/t.FromStart, float64(events-progress.atFirst)/max(t.FromCommit, poll.Seconds())
	d := progress.late.minus(progress.early)
	if n := d["tidemark_records_total"]; n > 0 {
		t.Allocs, t.AllocBytes = d["go_memstats_mallocs_total"]/n, d["go_memstats_alloc_bytes_total"]/n
	}
	t.Batch, t.Customers = progress.late.mean("tidemark_batch_records"), progress.late.mean("tidemark_batch_customers")
	return t, nil
}

// length is how many records there are in the inputs.
func (b *bench) length(ctx context.Context, inputs [2]string) (events int64, err error) {
	for _, topic := range inputs {
		n, err := b.ends(ctx, topic)
		if err != nil {
			return 0, err
		}
		events += n
	}
	return events, nil
}

// progress is what was seen of a run from outside.
type progress struct {
	first, last time.Time // when the first and the last commit of records were seen
	atFirst     int64     // records in what was seen first
	early, late sample    // the first metrics with records, and the last
	peak        float64
}

// How often commits are looked for in Redis, and metrics read.
const (
	poll   = 20 * time.Millisecond
	scrape = 250 * time.Millisecond
)

// watch looks at what is stored until everything is, or the worker has ended.
func (b *bench) watch(ctx context.Context, w *worker, events int64) (*progress, error) {
	stored := b.stored(&w.namespace)
	defer func() { _ = stored.Close() }()
	p := &progress{}
	tick, metrics := time.NewTicker(poll), time.NewTicker(scrape)
	defer tick.Stop()
	defer metrics.Stop()
	for {
		records, _, err := consumed(ctx, stored)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if records > 0 && p.first.IsZero() {
			p.first, p.atFirst = now, records
		}
		if records >= events {
			p.last = now
			return p, nil
		}
		select {
		case <-metrics.C:
			p.look(ctx, w)
		case <-tick.C:
		case <-w.exited:
			if records, _, err = consumed(ctx, stored); err == nil && records >= events {
				p.last = w.ended
				return p, nil
			}
			return nil, fmt.Errorf("it ended after %d of %d records: %w", records, events, w.trouble())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// stored reads what a namespace has in Redis.
func (b *bench) stored(n *namespace) *store.Redis {
	return store.Open(store.Config{Addrs: []string{b.redis.Addr()}, Namespace: n.name, Topics: store.SortTopics(n.inputs[:])})
}

// consumed counts the records and changes of a namespace, as stored.
func (b *bench) consumed(ctx context.Context, n *namespace) (records, changes int64, err error) {
	stored := b.stored(n)
	defer func() { _ = stored.Close() }()
	return consumed(ctx, stored)
}

// look reads the metrics. A worker that has not begun or is leaving has none.
func (p *progress) look(ctx context.Context, w *worker) {
	s, err := w.scrape(ctx)
	if err != nil || s["tidemark_records_total"] == 0 {
		return
	}
	if p.early == nil {
		p.early = s
	}
	p.late, p.peak = s, max(p.peak, s["process_resident_memory_bytes"])
}

// consumed counts the records and changes of all shards, as stored.
func consumed(ctx context.Context, stored *store.Redis) (records, changes int64, err error) {
	for i := range int32(partitions) {
		state, err := stored.Stored(ctx, i)
		if err != nil {
			return 0, 0, err
		}
		for t := range state.Topics {
			records += state.Topics[t].Counts.Consumed
		}
		changes += state.Changes
	}
	return records, changes, nil
}

// errRejected is a record that should have been an event.
type errRejected event.Reason

func (e errRejected) Error() string {
	return "a generated event was rejected as " + event.Reason(e).String()
}
