package sim

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// Outcome is what a run came to.
type Outcome struct {
	Totals Totals
	Trace  string // where it was asked for
	Err    error
}

// Run plays the scenario of a seed and judges its end.
func Run(seed uint64, trace bool) (o Outcome) {
	w := newWorld(NewScenario(seed), trace)
	defer func() {
		w.totals.Seeds = 1
		o.Totals = w.totals
		if w.trace != nil {
			o.Trace = w.trace.String()
		}
		if p := recover(); p != nil {
			o.Err = fmt.Errorf("at %d ms: panic: %v\n%s", w.tick(), p, debug.Stack())
		}
	}()
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

// String is the line that a test of many seeds prints.
func (t Totals) String() string {
	hours := float64(t.VirtualMS) / 3_600_000
	parts := []string{
		fmt.Sprintf("%d seeds, %.1f virtual hours, %d events, %d commits, %d changes (%d by timers, %d bootstraps, %d customers begun anew), %d dead letters, %d without effect",
			t.Seeds, hours, t.Events, t.Commits, t.Changes, t.Deadlines, t.Bootstraps, t.Restarted, t.DeadLetters, t.WithoutEffect),
		fmt.Sprintf("%d crashes, %d zombies, %d rollbacks, %d lost replies, %d late effects, %d take-overs (%d fenced), %d adopted, %d stops, %d compared with an undisturbed run",
			t.Crashes, t.Zombies, t.Rollbacks, t.LostReplies, t.Late, t.TakeOvers, t.Fenced, t.Adopted, t.Stops, t.Undisturbeds),
	}
	return strings.Join(parts, "\n")
}

// Add sums totals.
func (t *Totals) Add(o Totals) {
	for _, pair := range []struct{ sum, n *int64 }{
		{&t.Seeds, &o.Seeds}, {&t.Events, &o.Events}, {&t.VirtualMS, &o.VirtualMS}, {&t.Crashes, &o.Crashes},
		{&t.Zombies, &o.Zombies}, {&t.Rollbacks, &o.Rollbacks}, {&t.LostReplies, &o.LostReplies}, {&t.Late, &o.Late},
		{&t.Commits, &o.Commits}, {&t.Fenced, &o.Fenced}, {&t.TakeOvers, &o.TakeOvers}, {&t.Changes, &o.Changes},
		{&t.Adopted, &o.Adopted}, {&t.Restarted, &o.Restarted}, {&t.Deadlines, &o.Deadlines},
		{&t.DeadLetters, &o.DeadLetters}, {&t.WithoutEffect, &o.WithoutEffect}, {&t.Stops, &o.Stops},
		{&t.Bootstraps, &o.Bootstraps}, {&t.Undisturbeds, &o.Undisturbeds},
	} {
		*pair.sum += *pair.n
	}
}
