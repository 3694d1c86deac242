package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
)

// World is one run: servers, workers, producers, and a calendar of what happens
// next. Everything happens one after the other, at moments of a virtual clock;
// one seed decides all of it.
type World struct {
	s        Scenario
	rng      *rand.Rand
	workload *workload
	kafka    *Kafka
	redis    *Redis
	group    *coordinator
	workers  []*Worker

	now      int64 // virtual µs
	leapt    int64 // ms by which leaps have moved the wall clock
	calendar calendar
	serial   int
	trace    *strings.Builder // nil: not kept

	calmed    bool
	kafkaBack int64            // virtual µs until which Kafka is away
	expected  map[int32]string // codes of the stops that there must be
	allowed   map[int32]string // of those that there may be
	stopped   map[int32]string // and of those that there were
	closed    map[place]bool   // partitions that nothing is appended to any more
	sent      map[place]map[int64]parcelled
	losses    []*loss
	owners    map[int32]*run // who took each shard over last
	failed    error
	totals    Totals
}

// Totals count what a run, or many, went through.
type Totals struct {
	Seeds, Events, VirtualMS                       int64
	Crashes, Zombies, Rollbacks, LostReplies       int64
	Late, Commits, Fenced, TakeOvers, Changes      int64
	Adopted, Restarted, Deadlines, DeadLetters     int64
	WithoutEffect, Stops, Bootstraps, Undisturbeds int64
}

// newWorld sets the stage: servers with what the logs hold before the run, and
// workers that are about to start.
func newWorld(s Scenario, trace bool) *World {
	w := &World{s: s, rng: stream(s.Seed, streamWorld), workload: newWorkload(&s), kafka: NewKafka(), redis: NewRedis(),
		expected: map[int32]string{}, allowed: map[int32]string{}, stopped: map[int32]string{},
		closed: map[place]bool{}, owners: map[int32]*run{}, sent: map[place]map[int64]parcelled{}}
	w.s.Until = drawUntil(&s, w.workload)
	if trace {
		w.trace = &strings.Builder{}
	}
	for _, topic := range inputs {
		w.kafka.CreateTopic(topic, s.Partitions, s.AppendTime[topic])
	}
	w.kafka.CreateTopic(topicChanges, s.Partitions, false)
	w.kafka.CreateTopic(topicDead, s.DeadParts, false)
	w.group = newCoordinator(w)
	for i := range w.workload.parcels {
		p := &w.workload.parcels[i]
		if p.tick < 0 {
			w.deliver(p)
			continue
		}
		w.at(p.tick*1000, func() { w.deliver(p) })
	}
	for _, l := range w.workload.leaps {
		w.at(l.tick*1000, func() {
			w.leapt += l.by
			w.tracef("time leaps by %d ms", l.by)
		})
	}
	for i := range s.Workers {
		worker := newWorker(w, i)
		w.workers = append(w.workers, worker)
		w.at(between[int64](w.rng, 0, 500)*1000, worker.start)
	}
	w.schedule()
	w.scheduleTruncation()
	return w
}

// deliver appends what a producer sent.
func (w *World) deliver(p *parcel) {
	at := place{p.topic, p.partition}
	if w.closed[at] {
		return
	}
	base, err := w.kafka.Append(p.topic, p.partition, p.records,
		appending{wall: p.wall, codec: p.codec, skip: p.skip, how: p.how})
	if err != nil {
		w.fail(fmt.Errorf("appending a parcel: %w", err))
	}
	if p.how == aborted {
		w.tracef("%d records to %s/%d at %d are rolled back", len(p.records), p.topic, p.partition, base)
		return
	}
	if w.sent[at] == nil {
		w.sent[at] = map[int64]parcelled{}
	}
	for i, m := range p.meant {
		if _, ok := w.sent[at][base+int64(i)]; !ok {
			r := parcelled{meaning: m, record: p.records[i], appended: max(p.tick, 0)}
			if r.timestamp = p.records[i].Time; w.s.AppendTime[p.topic] {
				r.timestamp = p.wall
			}
			w.sent[at][base+int64(i)] = r
		}
	}
	w.totals.Events += int64(len(p.records))
	w.tracef("%d records to %s/%d at %d", len(p.records), p.topic, p.partition, base)
}

// parcelled is one record of an input: what it means, and how it was sent.
type parcelled struct {
	meaning
	record    sink.Record
	timestamp int64 // as consumers see it, unix ms
	appended  int64 // virtual ms
}

// place is one partition.
type place struct {
	topic     string
	partition int32
}

// tick is the virtual clock in ms, wall the time of day.
func (w *World) tick() int64 { return w.now / 1000 }
func (w *World) wall() int64 { return w.workload.began + w.tick() + w.leapt }

// at and after put something into the calendar.
func (w *World) at(when int64, what func()) {
	w.serial++
	heap.Push(&w.calendar, appointment{when: max(when, w.now), serial: w.serial, what: what})
}
func (w *World) after(us int64, what func()) { w.at(w.now+us, what) }

// step lets the next thing happen; false if there is none.
func (w *World) step() bool {
	if len(w.calendar) == 0 {
		return false
	}
	next := heap.Pop(&w.calendar).(appointment)
	w.now = next.when
	next.what()
	return true
}

// fail ends the run with its first error.
func (w *World) fail(err error) {
	if w.failed == nil {
		w.failed = fmt.Errorf("at %d ms: %w", w.tick(), err)
	}
}

// tracef notes what happens, where somebody wants to read it.
func (w *World) tracef(format string, args ...any) {
	if w.trace == nil {
		return
	}
	fmt.Fprintf(w.trace, "%9.3f ", float64(w.now)/1000)
	fmt.Fprintf(w.trace, format, args...)
	w.trace.WriteByte('\n')
}

// appointment is something that will happen. Of two at the same moment the one
// made first comes first.
type appointment struct {
	when   int64
	serial int
	what   func()
}

type calendar []appointment

func (c calendar) Len() int { return len(c) }
func (c calendar) Less(i, j int) bool {
	return c[i].when < c[j].when || c[i].when == c[j].when && c[i].serial < c[j].serial
}
func (c calendar) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *calendar) Push(x any)   { *c = append(*c, x.(appointment)) }
func (c *calendar) Pop() any {
	last := (*c)[len(*c)-1]
	(*c)[len(*c)-1] = appointment{}
	*c = (*c)[:len(*c)-1]
	return last
}

// plain is how the simulator's own requests compress: not.
const plain = recordbatch.None
