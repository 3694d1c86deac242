package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pkg/change"
)

// timers is how long after their deadline changes were in Kafka, where all of
// them were due at one instant.
type timers struct {
	Due int `json:"due"`
	quantiles
	Seconds float64 `json:"seconds"` // from the first of these changes to the last
}

// idle is after how long without an event customers move: long enough for all of
// them to be loaded, on a machine that has other work as well.
func (b *bench) idle() time.Duration {
	return 20*time.Second + time.Duration(b.customers)*100*time.Microsecond
}

// grace is how far stream time stays behind the clock, by default: no timer fires
// earlier than that after its deadline.
const grace = 2 * time.Second

func (b *bench) timers(ctx context.Context) error {
	if err := b.empty(ctx); err != nil {
		return err
	}
	inputs := inputsOf("timers")
	if err := b.topics(ctx, real.Topic{Name: inputs[0], Settings: appendTime}, real.Topic{Name: inputs[1], Settings: appendTime}); err != nil {
		return err
	}
	w, err := b.work(ctx, namespace{name: "timers", inputs: inputs, clock: "wall", policy: fmt.Sprintf("{lifecycle: {engaged_within: %dms}}", b.idle().Milliseconds())})
	if err != nil {
		return err
	}
	defer w.kill()
	if err := w.ready(ctx); err != nil {
		return err
	}
	at := time.Now().Truncate(time.Millisecond)
	if err := b.visit(ctx, inputs, at); err != nil {
		return err
	}
	if loaded := time.Since(at); loaded > b.idle()-grace {
		return fmt.Errorf("loading %d customers took %v: choose fewer by -customers", b.customers, loaded)
	}
	if err := b.published(ctx, w, int64(2*b.customers)); err != nil {
		return err
	}
	if err := w.stop(); err != nil {
		return err
	}
	return b.lateness(ctx, w, at.Add(b.idle()))
}

// visit has every customer click once, all at the same instant.
func (b *bench) visit(ctx context.Context, inputs [2]string, at time.Time) error {
	p, err := b.producer(inputs, linger)
	if err != nil {
		return err
	}
	s := shop{customers: b.customers, uniform: 1}.open()
	for i := range b.customers {
		purchase, key, value := s.event(i, fmt.Sprintf("v-%09d", i), at, false)
		p.send(ctx, purchase, key, value, at)
	}
	return p.close(ctx)
}

// published waits until so many changes are in Kafka.
func (b *bench) published(ctx context.Context, w *worker, changes int64) error {
	return real.Await(ctx, b.idle()+endTimeout, func(ctx context.Context) error {
		n, err := b.ends(ctx, w.changes)
		if err == nil && n < changes {
			err = fmt.Errorf("%d of %d changes are published", n, changes)
		}
		return err
	})
}

// lateness reads the changes that timers made.
func (b *bench) lateness(ctx context.Context, w *worker, deadline time.Time) error {
	var all []time.Duration
	var first, last time.Time
	var odd error
	err := b.scan(ctx, w.changes, func(r *kgo.Record) {
		head, err := change.Parse(r.Value)
		switch {
		case err != nil:
			odd = err
		case head.EffectiveAt == deadline.UnixMilli():
			all = append(all, r.Timestamp.Sub(deadline))
			if first.IsZero() || r.Timestamp.Before(first) {
				first = r.Timestamp
			}
			if r.Timestamp.After(last) {
				last = r.Timestamp
			}
		}
	})
	if err != nil {
		return err
	}
	if odd != nil {
		return odd
	}
	t := timers{Due: len(all), Seconds: last.Sub(first).Seconds()}
	if t.quantiles, err = quantilesOf(all); err != nil {
		return err
	}
	b.report.Timers = &t
	return nil
}
