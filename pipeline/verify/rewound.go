package verify

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// When a forget was applied decides which events it erased. In a history that was
// lost and in the one that is, it may have been applied at different instants: a
// change tells the one of the history that made it, the tombstone the one of the
// history that is.

// verifyRewound judges a customer of a shard whose Redis went back behind what
// was published. Each change is held against the prefix that its position names,
// in the history that was lost or in the one that is, and the chain against
// itself. What an adopted customer might have been told and was not, because he
// was silent until the log was read again, cannot be known.
func (s *shard) verifyRewound(c *customer) {
	w := &rewound{s: s, c: c, p: newPerson(), taken: make([]int, len(s.v.Inputs)), forgotten: c.forgotten()}
	for _, t := range c.chain {
		if f := w.tell(t); f != nil {
			s.vague = true // the events behind it were not applied
			if w.sensitive() || !w.dated() {
				s.report.Apart.Undecided.add(c.id)
				return
			}
			s.differ(c.id, f.what, f.found, f.want)
			return
		}
	}
	w.finish()
}

// rewound is one customer as the prefixes of the log have him.
type rewound struct {
	s      *shard
	c      *customer
	p      person
	taken  []int
	last   *told
	stale  bool
	adrift bool // a change lies behind the stored state: the log is still being read again

	forgotten bool // the log has a forget of his
	stored    bool // tombstones count before changes
}

// forgotten reports that the customer's records have a forget among them.
func (c *customer) forgotten() bool {
	return slices.ContainsFunc(c.facts, func(f fact) bool { return f.forgets() })
}

// dated reports that of each of his forgets all instants are told that there can
// be: those of a change, and of the tombstone, which only the last one has left,
// for one horizon.
func (w *rewound) dated() bool {
	missing, buried := false, false
	for i := range w.c.facts {
		f := &w.c.facts[i]
		if !f.forgets() {
			continue
		}
		tombstone := w.buried(f)
		buried = buried || tombstone != none
		missing = missing || tombstone == none || w.c.told(f) == none
		if w.s.hash.clock >= max(f.at, w.c.told(f))+w.s.v.rules.horizon {
			return false
		}
	}
	return !missing || !buried
}

func (w *rewound) sensitive() bool { return w.stale || w.p.floor != none }

// tell holds one change against its prefix, in either history.
func (w *rewound) tell(t *told) *failure {
	if !w.forgotten {
		return w.hold(t)
	}
	var first *failure
	for _, stored := range []bool{false, true} {
		w.begin(stored)
		f := w.hold(t)
		if f == nil {
			return nil
		}
		if first == nil {
			first = f
		}
	}
	return first
}

// begin forgets what was read so far.
func (w *rewound) begin(stored bool) {
	w.stored, w.p = stored, newPerson()
	clear(w.taken)
}

// hold holds one change against its prefix.
func (w *rewound) hold(t *told) *failure {
	r := w.s.v.rules
	if !w.s.hash.known(&t.position) {
		w.last, w.adrift = t, true
		if w.c.stored != nil && w.c.stored.mark == adopted {
			return nil
		}
		return &failure{what: "tidemark-at of " + t.name(), found: t.position.String(), want: "a place that the stored state has come to"}
	}
	w.advance(t)
	if t.kind != kindEvent && t.kind != kindForget {
		w.p.expire(r, t.at)
	}
	from, version := nobody, int64(0)
	if w.last == nil && w.s.hash.start != nil && w.s.hash.start.Publish == publishNone {
		from = t.from // what he was counts as published
	}
	if w.last != nil {
		from, version = w.last.to, w.last.version
		if from == nobody && t.version == 1 && w.p.forgottenAt == none && t.at >= w.last.at+r.horizon {
			version = 0 // the tombstone is over
		}
	}
	w.p.segment, w.p.version = from, version+1
	m := &move{customer: w.c.id, from: from, at: t.at, kind: t.kind, eventID: t.eventID}
	if t.kind == kindEvent {
		f := w.cause(t)
		if f == nil || f.id != t.eventID {
			return &failure{what: t.name(), found: string(t.value), want: "its event is not the last before its position"}
		}
		m.eventType = f.kind.String()
	}
	if t.kind == kindTimer && w.p.at(r, t.at-1) == w.p.at(r, t.at) {
		return &failure{what: t.name(), found: string(t.value), want: "no deadline at " + when(t.at)}
	}
	w.p.segment = w.p.at(r, t.at)
	w.p.nextAt, w.p.next = w.p.deadline(r, t.at)
	if want := r.value(&w.p, m); string(want) != string(t.value) || w.p.segment == from {
		return &failure{what: t.name(), found: string(t.value), want: string(want)}
	}
	w.last = t
	return nil
}

// cause is the last fact before a position, if it lies directly before it.
func (w *rewound) cause(t *told) *fact {
	for topic, list := range w.c.byTopic {
		if n := t.need[topic]; n > 0 {
			if f := &w.c.facts[list[n-1]]; f.offset+1 == t.position.offsets[topic] && (f.id == t.eventID || f.forgets()) {
				return f
			}
		}
	}
	return nil
}

// advance brings the ledger to the records before a change, from the beginning
// if it was ahead of them.
func (w *rewound) advance(t *told) {
	for topic, need := range t.need {
		if w.taken[topic] > need {
			w.p, w.taken = newPerson(), make([]int, len(w.taken))
			break
		}
	}
	cause := w.cause(t)
	for i := range w.c.facts {
		f := &w.c.facts[i]
		number := w.number(f, int32(i))
		if number < w.taken[f.topic] || number >= t.need[f.topic] {
			continue
		}
		w.taken[f.topic] = number + 1
		if f == cause && (t.kind == kindEvent || t.kind == kindForget) {
			w.take(f, t.at)
		} else {
			w.take(f, f.least)
		}
	}
}

// number is the place of a fact among those of its topic.
func (w *rewound) number(f *fact, i int32) int {
	list := w.c.byTopic[f.topic]
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; list[mid] < i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// take applies a fact at a stream time; a forget at the one that its tombstone
// or its change tells.
func (w *rewound) take(f *fact, at int64) outcome {
	at = max(at, f.at)
	if f.forgets() {
		at = max(f.at, w.applied(f, at))
	}
	w.p.expire(w.s.v.rules, at)
	result := w.p.take(w.s.v.rules, f, at)
	w.stale = w.stale || result == stale
	return result
}

// applied is the instant at which a forget was applied, least where nothing
// tells it.
func (w *rewound) applied(f *fact, least int64) int64 {
	first, second := w.c.told(f), w.buried(f)
	if w.stored {
		first, second = second, first
	}
	switch {
	case first != none:
		return first
	case second != none:
		return second
	default:
		return least
	}
}

// told is the instant of a forget by the change that it made.
func (c *customer) told(f *fact) int64 {
	at := none
	for _, t := range c.chain {
		if t.kind == kindForget && t.position.offsets[f.topic] == f.offset+1 {
			at = max(at, t.at)
		}
	}
	return at
}

// buried is the instant of a forget by the stored tombstone.
func (w *rewound) buried(f *fact) int64 {
	if p := w.c.stored; p != nil && p.person.forgottenAt != none && p.person.forgetID == xxhash.Sum64String(f.id) {
		return p.person.forgottenAt
	}
	return none
}

// finish judges the end: the ledger, and that the last change leads to where he
// is.
func (w *rewound) finish() {
	s, r := w.s, w.s.v.rules
	var tallies = make([][outcomes]int64, len(s.v.Inputs))
	w.begin(true)
	for i := range w.c.facts {
		f := &w.c.facts[i]
		tallies[f.topic][w.take(f, f.least)]++
		if f.forgets() {
			w.open(f)
		}
	}
	for topic := range tallies {
		for i, name := range outcomeNames {
			s.counts[topic][name] += tallies[topic][i]
		}
	}
	s.dropped[0] += w.p.dropped
	s.setApart(w.c, w.stale, w.p.floor != none)
	got := w.c.stored
	if got == nil {
		if w.p.expire(r, s.hash.clock); !w.p.empty() {
			s.differ(w.c.id, "customer", "not in Redis", w.p.describe())
		}
		s.dropped[1] += w.p.dropped
		return
	}
	s.compareRewound(w)
	s.dropped[1] += w.p.dropped
}

// open counts the events of which it is not known whether they were there to be
// erased by a forget, or came behind it and were without effect: those of other
// topics, dated no later than it was applied. Where no tombstone tells when that
// was, those behind it may be either, too.
func (w *rewound) open(forget *fact) {
	until, known := w.applied(forget, forget.least), w.buried(forget) != none
	for i := range w.c.facts {
		f := &w.c.facts[i]
		if f.topic != forget.topic && (f.at <= until || !known) || f.topic == forget.topic && !known && f.offset > forget.offset {
			for _, room := range w.s.room {
				room[f.topic][applied]++
				room[f.topic][erased]++
			}
		}
	}
}

// compareRewound compares what does not depend on the way.
func (s *shard) compareRewound(w *rewound) {
	got := w.c.stored
	if l := s.differing(w.c, &w.p); l != nil {
		if w.sensitive() || w.forgotten && !w.dated() {
			s.vague = true
			s.report.Apart.Undecided.add(w.c.id)
		} else {
			s.differ(w.c.id, l.what, l.found, l.want)
		}
		return
	}
	if w.last != nil && (got.person.segment != w.last.to || got.person.version != w.last.version) && got.person.version != 0 {
		s.differ(w.c.id, "first line", string(got.line.append(nil)), fmt.Sprintf("%q in version %d, as was published last", w.last.to, w.last.version))
		return
	}
	switch got.mark {
	case adopted:
		if !s.hash.adopting {
			s.differ(w.c.id, "mark", "adopted", "none: the log has been read again")
		}
		s.compareTimer(w.c, none)
	case pending:
		if w.last != nil || s.hash.silent() == nil {
			s.differ(w.c.id, "mark", "pending", "none: he was told of")
		}
		s.compareTimer(w.c, none)
	default:
		s.compareStanding(w)
	}
}

// compareStanding checks the segment at the stream time, and what is next.
func (s *shard) compareStanding(w *rewound) {
	got, r := w.c.stored, s.v.rules
	want := w.p.at(r, s.hash.clock)
	nextAt, next := w.p.deadline(r, s.hash.clock)
	if got.person.segment != want {
		if due, ok := parseInstant(got.line.NextAt); ok && due <= s.hash.clock {
			s.report.Due++
			s.compareTimer(w.c, due)
			return
		}
		s.differ(w.c.id, "segment", quote(got.line.Lifecycle), quote(want.String()))
		return
	}
	line := got.line
	line.Next, line.NextAt = next.String(), ""
	if nextAt != none {
		line.NextAt = when(nextAt)
	}
	if got.line != line {
		s.differ(w.c.id, "first line", string(got.line.append(nil)), string(line.append(nil)))
		return
	}
	s.compareTimer(w.c, nextAt)
}
