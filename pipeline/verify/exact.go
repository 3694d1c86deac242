package verify

import (
	"fmt"
	"slices"
)

// verifyExact judges a customer after a replay: the log alone says in which
// order his records came and at which stream time.
func (s *shard) verifyExact(c *customer) {
	e := exact{s: s, c: c, p: newPerson(), taken: make([]int, len(s.v.Inputs))}
	var tallies [outcomes]int64
	for i := range c.facts {
		f := &c.facts[i]
		e.time(f.least)
		e.taken[f.topic]++
		result := e.p.take(s.v.rules, f, f.least)
		tallies[result]++
		s.counts[f.topic][outcomeNames[result]]++
		if from := e.p.segment; result == applied && e.p.look(s.v.rules, f.least) {
			m := causedBy(c, f, f.least)
			m.from = from
			e.moved(m, f)
		}
	}
	s.dropped[0] += e.p.dropped
	e.time(s.hash.clock)
	s.dropped[1] += e.p.dropped
	if e.told < len(c.chain) {
		t := c.chain[e.told]
		e.differ(fmt.Sprintf("change %d", t.version), string(t.value), "no such change")
	}
	s.setApart(c, tallies[stale] > 0, e.p.floor != none)
	s.compare(c, &e.p)
}

// exact is one customer on the one way that the log allows.
type exact struct {
	s      *shard
	c      *customer
	p      person
	taken  []int // facts so far, by topic
	told   int   // changes held against the published ones
	failed bool  // one difference tells enough: what follows is moved by it
}

// causedBy is the move that an event makes at stream time s.
func causedBy(c *customer, f *fact, s int64) *move {
	if f.forgets() {
		return &move{customer: c.id, at: s, kind: kindForget}
	}
	return &move{customer: c.id, at: s, kind: kindEvent, eventID: f.id, eventType: f.kind.String()}
}

// time lets the deadlines up to s pass.
func (e *exact) time(s int64) {
	for e.p.nextAt != none && e.p.nextAt <= s {
		at, from := e.p.nextAt, e.p.segment
		if e.p.look(e.s.v.rules, at) {
			e.moved(&move{customer: e.c.id, from: from, at: at, kind: kindTimer}, nil)
		}
	}
	e.p.expire(e.s.v.rules, s)
}

// moved holds a move against the next published change.
func (e *exact) moved(m *move, f *fact) {
	e.p.version++
	if e.failed {
		return
	}
	want := e.s.v.rules.value(&e.p, m)
	what := fmt.Sprintf("change %d", e.p.version)
	if e.told >= len(e.c.chain) {
		e.differ(what, "not published", string(want))
		return
	}
	t := e.c.chain[e.told]
	e.told++
	if string(t.value) != string(want) {
		e.differ(what, string(t.value), string(want))
		return
	}
	at := "tidemark-at of " + what
	switch {
	case f != nil && (t.position.offsets[f.topic] != f.offset+1 || t.position.clock != m.at):
		e.differ(at, t.position.String(), fmt.Sprintf("offset %d of %s at %s", f.offset+1, e.s.v.Inputs[f.topic], when(m.at)))
	case !e.s.hash.known(&t.position):
		e.differ(at, t.position.String(), "a place that the stored state has come to")
	case !slices.Equal(t.need, e.taken): // whoever reads the log again from there would count records twice, or not at all
		e.differ(at, t.position.String(), fmt.Sprintf("a place behind %d of his records, not %d, by topic", e.taken, t.need))
	}
}

func (e *exact) differ(what, found, want string) {
	if !e.failed {
		e.s.differ(e.c.id, what, found, want)
	}
	e.failed = true
}

// String is a position for people.
func (p *position) String() string { return fmt.Sprintf("offsets %d at %s", p.offsets, when(p.clock)) }
