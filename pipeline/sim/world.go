package sim

import (
	"bytes"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
)

// World is one run: servers, workers, producers, and a calendar of what happens
// next. Everything happens one after the other, at moments of a virtual clock;
// one seed decides all of it.
type World struct {
	s          Scenario
	rng        *rand.Rand
	more       *rand.Rand // what came later draws from this, so that older seeds stay what they are
	workload   *workload
	kafka      *Kafka
	redis      *Redis
	former     *Redis  // was the master until a fail-over, and does not know that it is not
	formerLost []*loss // what its heir did not have
	group      *coordinator
	workers    []*Worker

	now      int64 // virtual µs
	leapt    int64 // ms by which leaps have moved the wall clock
	calendar calendar
	serial   int
	trace    *strings.Builder // nil: not kept

	calmed      bool
	kafkaBack   int64            // virtual µs until which Kafka is away
	expected    map[int32]string // codes of the stops that there must be
	allowed     map[int32]string // of those that there may be
	stopped     map[int32]string // and of those that there were
	cutShort    map[int32]bool   // shards of which the changes topic lost a tail
	closed      map[place]bool   // partitions that nothing is appended to any more
	sent        map[place]map[int64]*parcelled
	gone        map[place][]*parcelled // what a log lost
	tails       map[place]int64        // the least offset lost
	losses      []*loss
	kept        map[heard]bool // changes that were stored in an outbox
	heard       map[heard]bool // and those that came to their topic
	buried      map[letterPlace]bool
	limits      []pipeline.Limits // of every run there was
	strangers   []*Worker
	exposed     map[someone]bool
	undelivered int            // parcels that wait for a leader
	redisSkew   int64          // ms by which Redis's clock is off
	owners      map[int32]*run // who took each shard over last
	failed      error
	totals      Totals
}

// newWorld sets the stage: servers with what the logs hold before the run, and
// workers that are about to start.
func newWorld(s Scenario, trace bool) *World {
	w := &World{s: s, rng: stream(s.Seed, streamWorld+s.Salt<<8), more: stream(s.Seed, streamMoreWorld+s.Salt<<8),
		exposed: map[someone]bool{}, kept: map[heard]bool{}, heard: map[heard]bool{}, buried: map[letterPlace]bool{}, workload: newWorkload(&s), kafka: NewKafka(), redis: NewRedis(),
		expected: map[int32]string{}, allowed: map[int32]string{}, stopped: map[int32]string{},
		cutShort: map[int32]bool{}, closed: map[place]bool{}, owners: map[int32]*run{}, sent: map[place]map[int64]*parcelled{},
		gone: map[place][]*parcelled{}, tails: map[place]int64{}}
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
	if w.kafka.unusable(p.topic, p.partition) {
		w.undelivered++
		w.after(20_000, func() { w.undelivered--; w.deliver(p) })
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
		w.sent[at] = map[int64]*parcelled{}
	}
	for i, m := range p.meant {
		if _, ok := w.sent[at][base+int64(i)]; !ok {
			r := &parcelled{meaning: m, place: at, record: p.records[i], offset: base + int64(i), appended: w.tick()}
			if r.timestamp = p.records[i].Time; w.s.AppendTime[p.topic] {
				r.timestamp = p.wall
			}
			w.sent[at][base+int64(i)] = r
		}
	}
	w.totals.Events += int64(len(p.records))
	w.tracef("%d records to %s/%d at %d", len(p.records), p.topic, p.partition, base)
}

// find tells which record of a partition this is: the one there now, or one that
// the log lost.
func (w *World) find(at place, r *recordbatch.Record) *parcelled {
	same := func(p *parcelled) bool {
		return p.offset == r.Offset && p.timestamp == r.Timestamp &&
			bytes.Equal(p.record.Key, r.Key) && bytes.Equal(p.record.Value, r.Value)
	}
	if p := w.sent[at][r.Offset]; p != nil && same(p) {
		return p
	}
	for _, p := range slices.Backward(w.gone[at]) {
		if same(p) {
			return p
		}
	}
	return nil
}

// parcelled is one record of an input: what it means, and how it was sent.
type parcelled struct {
	meaning
	place
	record    sink.Record
	offset    int64
	gone      bool  // the log lost it
	timestamp int64 // as consumers see it, unix ms
	appended  int64 // virtual ms since when consumers can know of it
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
	w.totals.Steps++
	next.what()
	return true
}

// fail ends the run with its first error.
func (w *World) fail(err error) {
	if w.failed == nil {
		w.failed = fmt.Errorf("at step %d, %d ms: %w", w.totals.Steps, w.tick(), err)
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
