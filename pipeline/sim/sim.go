package sim

import (
	"fmt"
	"runtime/debug"
	"slices"
)

// Outcome is what a run came to.
type Outcome struct {
	Totals Totals
	Trace  string // where it was asked for
	Err    error
}

// Run plays the scenario of a seed and judges its end.
func Run(seed uint64, trace bool) Outcome { return Case{Seed: seed}.Run(trace) }

// Run plays a case and judges its end.
func (c Case) Run(trace bool) (o Outcome) {
	w := newWorld(c.scenario(), trace)
	defer func() {
		w.totals.Seeds = 1
		o.Totals = w.totals
		if w.trace != nil {
			o.Trace = w.trace.String()
		}
		if p := recover(); p != nil {
			o.Err = fmt.Errorf("at step %d, %d ms: panic: %v\n%s", w.totals.Steps, w.tick(), p, debug.Stack())
		}
	}()
	if w.s.Hot {
		w.totals.Hot++
	}
	if w.s.Wave > 0 {
		w.totals.Waves++
	}
	o.Err = w.play()
	return o
}

// play runs the world, judges it, and, where nothing may have changed anything,
// compares it with a world in which nothing went wrong.
func (w *World) play() error {
	if err := w.run(); err != nil {
		return err
	}
	if err := w.judge(); err != nil {
		return err
	}
	if w.s.Wall || len(w.losses) > 0 || w.s.Truncation.kind != "" || w.s.Publish != "all" {
		return nil
	}
	w.totals.Undisturbeds++
	calm := newWorld(w.s.undisturbed(), false)
	if err := calm.run(); err != nil {
		return fmt.Errorf("undisturbed: %w", err)
	}
	return w.compare(calm)
}

// compare holds what two replays of the same log told the world against each
// other, byte for byte.
func (w *World) compare(calm *World) error {
	ours, theirs := w.values(), calm.values()
	for i := range max(len(ours), len(theirs)) {
		if nth(ours, i) != nth(theirs, i) {
			return fmt.Errorf("this run told %s, an undisturbed one %s", nth(ours, i), nth(theirs, i))
		}
	}
	return nil
}

// values are all changes of all shards, repeats apart, sorted.
func (w *World) values() []string {
	var all []string
	for number := range w.s.Partitions {
		for _, r := range w.kafka.records(topicChanges, number) {
			all = append(all, string(r.Value))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
