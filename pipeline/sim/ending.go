package sim

import (
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pkg/instant"
)

// patience is how long, after the last fault and the last event, a world may
// take until it is quiet, virtual ms. Longer is a livelock.
const patience = 120_000

// lull is how long nothing may be left to do until a world counts as quiet: a
// state that Redis went back to may look finished until its owner notices.
const lull = 4_000

// errNotQuiet is the failure of a run that does not come to an end.
var errNotQuiet = errors.New("the world does not become quiet")

// run lets everything happen until nothing is left to do.
func (w *World) run() error {
	w.after(0, w.group.watch)
	limit := max(w.s.Faults.until, w.workload.lastTick) + patience
	quiet, busy := false, int64(0)
	var look func()
	look = func() {
		if !w.calmed || w.tick() <= w.workload.lastTick || w.undelivered > 0 || w.unfinished() != "" {
			busy = w.tick()
		}
		quiet = w.tick() >= busy+lull
		w.after(100_000, look)
	}
	w.after(0, look)
	for w.failed == nil && !quiet {
		if w.tick() > limit {
			w.failf("%w after %d ms: %s", errNotQuiet, limit, w.unfinished())
			break
		}
		w.step()
	}
	for _, k := range w.workers {
		k.drop()
	}
	w.totals.VirtualMS, w.totals.StreamMS = w.tick(), w.wall()-w.workload.first
	return w.failed
}

func (w *World) failf(format string, args ...any) { w.fail(fmt.Errorf(format, args...)) }

// unfinished says what some shard still has to do; "" if nothing.
func (w *World) unfinished() string {
	for number := range w.s.Partitions {
		if w.expected[number] == "" && w.stopped[number] == "" && w.mustStop(w.redis.data(shardKey(number))) {
			return fmt.Sprintf("shard %d has not noticed that its log lost what it consumed", number)
		}
		if w.expected[number] != "" {
			if w.stopped[number] == "" {
				return fmt.Sprintf("shard %d has not stopped with %s", number, w.expected[number])
			}
			continue
		}
		if w.stopped[number] != "" {
			continue
		}
		if left := w.left(number); left != "" {
			return fmt.Sprintf("shard %d: %s", number, left)
		}
	}
	return ""
}

// left says what one shard still has to do, by what is stored.
func (w *World) left(number int32) string {
	data := w.redis.data(shardKey(number))
	state := data.place()
	if len(data.outbox) > 0 {
		return "its outbox is not empty"
	}
	if state.Adopt != nil {
		return "adopted customers are not released"
	}
	if !w.s.Wall {
		if !w.finished(number) {
			return fmt.Sprintf("its replay has not finished: clock %d, topics %+v", state.Clock, state.Topics)
		}
		return ""
	}
	for _, t := range state.Topics {
		if _, end, _ := w.kafka.Bounds(t.Name, number); t.Next != end {
			return fmt.Sprintf("%s is at %d of %d", t.Name, t.Next, end)
		}
	}
	if state.Clock == instant.None || state.Clock < w.workload.ended-w.s.Grace {
		return fmt.Sprintf("its clock is at %d, before %d", state.Clock, w.workload.ended-w.s.Grace)
	}
	for _, at := range data.timers {
		if at <= state.Clock {
			return "a timer is due"
		}
	}
	return ""
}

// finished reports that the shard's owner says so.
func (w *World) finished(number int32) bool {
	for _, k := range w.workers {
		for _, r := range k.runs {
			if r.number == number && r.shard.Finished() {
				return true
			}
		}
	}
	return false
}
