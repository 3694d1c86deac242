package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/real"
)

// latency is how long after its event a change was in Kafka, at a steady rate.
type latency struct {
	Rate int `json:"events_per_second"`
	quantiles
	Produced quantiles `json:"produced"` // of it, until the event was in its input
	Changes  float64   `json:"changes_per_second"`
	Cores    usage     `json:"cores"` // CPU seconds per second
}

// rates are the steady loads, events per second.
var rates = [...]int{5_000, 20_000}

// newcomers is the share of events of a steady load that are a customer's first,
// and so cause a change; of the others few do.
const newcomers = 1. / 3

func (b *bench) latency(ctx context.Context) error {
	for _, rate := range rates {
		l, err := b.steady(ctx, rate)
		if err != nil {
			return fmt.Errorf("at %d/s: %w", rate, err)
		}
		b.report.Latency = append(b.report.Latency, *l)
	}
	return nil
}

// steady runs a worker under a steady load.
func (b *bench) steady(ctx context.Context, rate int) (*latency, error) {
	if err := b.empty(ctx); err != nil {
		return nil, err
	}
	inputs := inputsOf(fmt.Sprintf("steady-%d", rate))
	if err := b.topics(ctx, real.Topic{Name: inputs[0], Settings: appendTime}, real.Topic{Name: inputs[1], Settings: appendTime}); err != nil {
		return nil, err
	}
	w, err := b.work(ctx, namespace{name: fmt.Sprintf("steady-%d", rate), inputs: inputs, clock: "wall"})
	if err != nil {
		return nil, err
	}
	defer w.kill()
	if err := w.ready(ctx); err != nil {
		return nil, err
	}
	l := &latency{Rate: rate}
	p, err := b.producer(inputs, 0)
	if err != nil {
		return nil, err
	}
	from, err := b.pour(ctx, p, rate, l, w)
	if err != nil {
		return nil, err
	}
	if err := w.stop(); err != nil { // everything is published when it has ended
		return nil, err
	}
	var all []time.Duration
	err = b.scan(ctx, w.changes, func(r *kgo.Record) {
		if sent, ok := stamp(r.Value, causeMark); ok && !sent.Before(from) {
			all = append(all, r.Timestamp.Sub(sent))
		}
	})
	if err != nil {
		return nil, err
	}
	l.Changes = float64(len(all)) / b.seconds.Seconds()
	if l.quantiles, err = quantilesOf(all); err != nil {
		return nil, err
	}
	l.Produced, err = b.arrival(ctx, inputs, from)
	return l, err
}

// arrival is how long events took from the producer into their inputs.
func (b *bench) arrival(ctx context.Context, inputs [2]string, from time.Time) (quantiles, error) {
	var all []time.Duration
	for _, topic := range inputs {
		err := b.scan(ctx, topic, func(r *kgo.Record) {
			if sent, ok := stamp(r.Value, idMark); ok && !sent.Before(from) {
				all = append(all, r.Timestamp.Sub(sent))
			}
		})
		if err != nil {
			return quantiles{}, err
		}
	}
	return quantilesOf(all)
}

// slice is how often events are sent: those that are due then. What comes late
// is sent with the next ones, so the mean rate holds.
const slice = 2 * time.Millisecond

// pour sends events at a rate, warm-up included, and returns since when they
// count.
func (b *bench) pour(ctx context.Context, p *producer, rate int, l *latency, w *worker) (from time.Time, err error) {
	s := shop{customers: 1_000_000, uniform: 1, purchases: 0.3}.open()
	known := 1
	ticks := time.NewTicker(slice)
	defer ticks.Stop()
	begin := time.Now()
	from = begin.Add(b.warmUp)
	end := from.Add(b.seconds)
	var before usage
	var cpu float64
	for sent := 0; ; {
		select {
		case <-ticks.C:
		case <-w.exited:
			return from, w.trouble()
		case <-ctx.Done():
			return from, ctx.Err()
		}
		now := time.Now()
		if cpu == 0 && !now.Before(from) {
			if before, err = b.used(); err != nil {
				return from, err
			}
			if cpu, err = cpuOf(w.cmd.Process.Pid); err != nil {
				return from, err
			}
		}
		if now.After(end) {
			break
		}
		for due := int(now.Sub(begin).Seconds() * float64(rate)); sent < due; sent++ {
			customer := s.r.IntN(known)
			if s.r.Float64() < newcomers {
				customer, known = known, known+1
			}
			at := time.Now()
			purchase, key, value := s.event(customer, fmt.Sprintf("t%d-%09d", at.UnixMicro(), sent), at, s.r.Float64() < s.purchases)
			p.send(ctx, purchase, key, value, at)
		}
	}
	after, err := cpuOf(w.cmd.Process.Pid)
	if err != nil {
		return from, err
	}
	if l.Cores, err = b.since(before, after-cpu); err != nil {
		return from, err
	}
	l.Cores = l.Cores.over(time.Since(from).Seconds())
	return from, p.close(ctx)
}

// Where the id of an event stands in a change that it caused, and in itself.
var (
	causeMark = []byte(`"event_id":"t`)
	idMark    = []byte(`{"id":"t`)
)

// stamp reads the time of production out of an event's id.
func stamp(value, mark []byte) (time.Time, bool) {
	_, rest, found := bytes.Cut(value, mark)
	number, _, ended := bytes.Cut(rest, []byte("-"))
	us, err := strconv.ParseInt(string(number), 10, 64)
	return time.UnixMicro(us), found && ended && err == nil
}
