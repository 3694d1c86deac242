package sim

import (
	"fmt"
	"math"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/store"
)

// replay is the contract's answer to one history of one shard: what became of
// every customer, and what was to be told about him.
type replay struct {
	w       *World
	number  int32
	rules   *ruleset
	history []observation
	start   *store.Start

	persons map[string]*person
	moments map[string][]moment // of each customer, oldest first
	told    map[string][]told
	counts  map[string]map[string]int64 // by topic, by outcome or reason
	next    map[string]int              // records consumed, by topic
	latest  map[string]int64            // greatest event time accepted, by topic
	clock   int64
	dropped int // refunds that waited in vain, by the time of the last events

	silent     int   // records read in silence
	quietUntil int64 // deadlines up to here are nobody's business
	bootstraps map[string]int64
}

// moment is a customer after one of his events.
type moment struct {
	prefix int // records of the shard consumed by then
	person person
}

func (w *World) newReplay(number int32, h *history, start *store.Start) *replay {
	r := &replay{w: w, number: number, rules: w.s.rules(), history: h.list(), start: start,
		persons: map[string]*person{}, moments: map[string][]moment{}, told: map[string][]told{},
		counts: map[string]map[string]int64{}, next: map[string]int{}, latest: map[string]int64{},
		clock: none, quietUntil: none, bootstraps: map[string]int64{}}
	for _, topic := range inputs {
		r.latest[topic], r.counts[topic] = none, map[string]int64{}
	}
	r.findSilence()
	return r
}

// findSilence is how much of the history was read before every input had come
// to the end that it had at the first start.
func (r *replay) findSilence() {
	if r.start == nil || r.start.Publish == pipeline.PublishAll {
		return
	}
	next := map[string]int64{}
	reached := func() bool {
		for topic, end := range r.start.Ends {
			if next[topic] < end {
				return false
			}
		}
		return true
	}
	for r.silent < len(r.history) && !reached() {
		next[r.history[r.silent].topic] = r.history[r.silent].offset + 1
		r.silent++
	}
	if r.start.Ended != nil {
		r.quietUntil = *r.start.Ended
	} else {
		r.silent, r.quietUntil = len(r.history), math.MaxInt64
	}
}

// run goes through the history and, at the end, to stream time until.
func (r *replay) run(until int64) error {
	for i, o := range r.history {
		if err := r.consume(i, o); err != nil {
			return fmt.Errorf("record %d of the history (%s %d): %w", i, o.topic, o.offset, err)
		}
	}
	for _, p := range r.persons {
		r.dropped += p.dropped
	}
	r.clock = max(r.clock, until)
	for id, p := range r.persons {
		r.told[id] = r.bring(p, id, r.clock, r.told[id], len(r.history))
	}
	return nil
}

// consume takes one record.
func (r *replay) consume(i int, o observation) error {
	sent := o.sent
	if sent == nil {
		return fmt.Errorf("there is no such record")
	}
	r.next[o.topic]++
	reject, f := sent.judge(r.rules, sent.timestamp, r.latest[o.topic])
	if (reject == "") != o.accepted {
		return fmt.Errorf("accepted: %v, but it is to be rejected as %q", o.accepted, reject)
	}
	if r.w.trace != nil && r.start != nil {
		r.w.tracef("history %d: %s %d at %s: %q %s %+v %s", i, o.topic, o.offset, clock(o.streamTime), sent.customer, reject, f, textOf(f.at))
	}
	if reject != "" {
		r.counts[o.topic][reject]++
		return nil
	}
	if err := r.tellTime(i, o, f.at); err != nil {
		return err
	}
	r.latest[o.topic] = max(r.latest[o.topic], f.at)
	r.clock = o.streamTime
	r.happen(i, sent.customer, f)
	return nil
}

// tellTime checks the stream time at which an event was applied.
func (r *replay) tellTime(i int, o observation, at int64) error {
	least := max(r.clock, at)
	switch {
	case o.streamTime < least:
		return fmt.Errorf("stream time %s is before %s", clock(o.streamTime), clock(least))
	case o.streamTime > least && !r.w.s.Wall:
		return fmt.Errorf("stream time %s is not %s", clock(o.streamTime), clock(least))
	case o.streamTime > max(least, o.now-r.w.s.Grace):
		return fmt.Errorf("stream time %s is ahead of the clock", clock(o.streamTime))
	}
	return nil
}

// happen applies an accepted event.
func (r *replay) happen(i int, id string, f fact) {
	p := r.persons[id]
	if p == nil {
		p = newPerson()
		r.persons[id] = p
	}
	silent := i < r.silent
	topic := r.history[i].topic
	out := r.bring(p, id, r.clock, r.told[id], i)
	known := len(out)
	out, outcome := p.happen(r.rules, id, f, r.clock, !silent, out)
	for j := known; j < len(out); j++ {
		out[j].prefix = i + 1
	}
	p.pending = silent && r.start.Publish == pipeline.PublishSnapshot && p.segment != ""
	r.told[id] = out
	r.counts[topic][outcome]++
	r.moments[id] = append(r.moments[id], moment{prefix: i + 1, person: *p})
}

// bring lets time pass for a person up to stream time s, before record i.
func (r *replay) bring(p *person, id string, s int64, out []told, i int) []told {
	known := len(out)
	switch {
	case i < r.silent || r.quietUntil == math.MaxInt64:
		out = p.pass(r.rules, id, s, math.MaxInt64, out)
	case p.pending:
		at, ok := r.bootstraps[id]
		if !ok || at > s {
			at = s
		}
		out = p.bootstrap(r.rules, id, at, out)
		out = p.pass(r.rules, id, s, r.quietUntil, out)
	default:
		out = p.pass(r.rules, id, s, r.quietUntil, out)
	}
	for j := known; j < len(out); j++ {
		out[j].prefix = i
	}
	return out
}

// at is a customer as he was after a number of records.
func (r *replay) at(id string, prefix int) person {
	p := *newPerson()
	for _, m := range r.moments[id] {
		if m.prefix > prefix {
			break
		}
		p = m.person
	}
	return p
}

// prefix finds how many records of the history lie before the offsets that a
// change names; false if they are no prefix of it.
func (r *replay) prefix(offsets map[string]int64) (int, bool) {
	n := 0
	for _, o := range r.history {
		if o.offset < offsets[o.topic] {
			n++
		}
	}
	for _, o := range r.history[:n] {
		if o.offset >= offsets[o.topic] {
			return 0, false
		}
	}
	return n, true
}

// times are the stream times between which the shard had consumed exactly that
// many records.
func (r *replay) times(prefix int) (from, to int64) {
	from, to = none, r.clock
	for _, o := range r.history[:prefix] {
		from = max(from, o.streamTime)
	}
	for _, o := range r.history[prefix:] {
		return from, o.streamTime
	}
	return from, to
}
