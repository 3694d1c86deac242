package verify

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// verifyLive judges a customer of a live run: some way through his records has
// to explain what was published, all of it and nothing else.
func (s *shard) verifyLive(c *customer) {
	x := &search{s: s, c: c}
	n := x.run()
	if n == nil && x.sensitive && x.exhausted {
		// What is kept of him depends on when his events arrived, and none of the
		// ways that were tried is the one that was taken.
		s.report.Apart.Undecided.add(c.id)
		s.setApart(c, x.stale, x.floor)
		s.vague = true
		return
	}
	if n == nil {
		s.differ(c.id, x.failure.what, x.failure.found, x.failure.want)
		s.vague = true // the events behind the failure were not applied
		return
	}
	end := x.end(n) // what is compared; the tally goes on from where n stands
	silent := n.silent
	t := x.tally(n)
	s.add(t)
	if end.nextAt != none && end.nextAt <= s.hash.clock && !silent {
		s.report.Due++
	}
	s.setApart(c, t.most.stale() > 0, x.floor)
	s.compare(c, &end)
}

// node is a place on a way: which records of the customer were consumed, which
// changes were told, and how he stands.
type node struct {
	p       person
	taken   []int   // facts consumed, by topic
	told    int     // changes told
	least   int64   // the stream time is not less
	silent  bool    // nothing is published yet
	pending bool    // silence is over, and he has not been told of
	forced  int     // topic of which the next fact has to come, -1: free
	counted bool    // kept for what it counts: for another stream time, or another order in silence
	unseen  *person // how silence left him, if a deadline has passed by its end and nobody was seen to look at him since
	tallies tallies
}

// search tries ways until one explains everything.
type search struct {
	s         *shard
	c         *customer
	open      []*node // places to go on from, where another choice was possible
	seen      map[string]bool
	steps     int
	failure   failure // of the way that came furthest
	sensitive bool    // what was kept depends on the way
	stale     bool
	floor     bool
	exhausted bool // gave up
	lost      bool // gave up one that would have counted
}

// failure is why a way ended.
type failure struct {
	what, found, want string
	far               int
}

// Bounds of a search. They are met by customers of whom nothing can be said but
// that their records came in some order.
const (
	maxOpen  = 256
	maxSteps = 20_000 // beyond one for each record
)

// run returns the end of a way that explains everything, nil if there is none.
func (x *search) run() *node {
	topics := len(x.s.v.Inputs)
	n := &node{p: newPerson(), taken: make([]int, topics), least: none, silent: x.s.hash.silent() != nil,
		forced: -1, tallies: make(tallies, topics)}
	x.failure.far = -1
	return x.follow(n)
}

// follow goes on from a place, and from the open choices where that leads nowhere.
func (x *search) follow(n *node) *node {
	limit := maxSteps + 2*len(x.c.facts) + 2*len(x.c.chain)
	for n != nil {
		if x.steps++; x.steps > limit {
			x.exhausted, x.lost = true, true
			return nil
		}
		over, f := x.step(n)
		if over && f == nil {
			return n
		}
		if f != nil {
			n = x.back(n, f)
		}
	}
	return nil
}

// back notes a failure and goes to the last open choice.
func (x *search) back(n *node, f *failure) *node {
	f.far = 2 * n.told
	for _, taken := range n.taken {
		f.far += 2 * taken
	}
	if f.far > x.failure.far {
		x.failure = *f
	}
	return x.pop()
}

// pop takes the last open choice that leads to a new place.
func (x *search) pop() *node {
	for len(x.open) > 0 {
		last := len(x.open) - 1
		next := x.open[last]
		x.open = x.open[:last]
		if !x.known(next) {
			return next
		}
	}
	return nil
}

// known reports whether the search has gone on from an equal place before.
func (x *search) known(n *node) bool {
	key := fmt.Sprint(n.taken, n.told, n.least, n.silent, n.unseen != nil, n.forced, n.p.since, n.p.forgottenAt, n.p.floor, n.p.digest(), n.tallies, n.p.dropped)
	if x.seen == nil {
		x.seen = map[string]bool{}
	}
	before := x.seen[key]
	x.seen[key] = true
	return before
}

// digest tells ledgers apart that hold other orders.
func (p *person) digest() uint64 {
	d := uint64(p.past.amount) ^ uint64(p.past.orders)<<32
	for i := range p.orders {
		o := &p.orders[i]
		d += xxhash.Sum64String(o.id) ^ uint64(o.at) ^ uint64(o.net())<<20
	}
	return d
}

// fork keeps another choice for later.
func (x *search) fork(n *node, change func(*node)) {
	if len(x.open) >= maxOpen {
		x.exhausted = true // if it comes to that: the oldest choice is given up
		x.lost = x.lost || x.open[0].counted
		x.open = slices.Delete(x.open, 0, 1)
	}
	c := *n
	c.p, c.counted = n.p.clone(), false
	c.taken, c.tallies = slices.Clone(n.taken), slices.Clone(n.tallies)
	change(&c)
	x.open = append(x.open, &c)
}

// step goes one step on: a change that happened between two records, or a
// record. over says that nothing is left.
func (x *search) step(n *node) (over bool, f *failure) {
	if n.silent {
		return x.silence(n)
	}
	c := x.next(n)
	if c != nil {
		if !x.s.hash.known(&c.position) {
			return false, contradicts("tidemark-at of "+c.name(), c.position.String(), "a place that the stored state has come to")
		}
		if n.reached(c) {
			return false, x.between(n, c)
		}
		if n.passed(c) {
			return false, contradicts("tidemark-at of "+c.name(), c.position.String(), "a place behind that of the change before")
		}
	}
	if n.pending {
		return x.untold(n, c)
	}
	topic := x.choose(n, c)
	if topic < 0 {
		return true, x.finish(n)
	}
	return false, x.consume(n, c, &x.c.facts[x.c.byTopic[topic][n.taken[topic]]])
}

// next is the change that has to be explained next.
func (x *search) next(n *node) *told {
	if n.told < len(x.c.chain) {
		return x.c.chain[n.told]
	}
	return nil
}

// reached reports that exactly the records before a change were consumed.
func (n *node) reached(t *told) bool { return slices.Equal(n.taken, t.need) }

// passed reports that more was consumed than a change knows of.
func (n *node) passed(t *told) bool {
	for i, taken := range n.taken {
		if taken > t.need[i] {
			return true
		}
	}
	return false
}

func (t *told) name() string { return fmt.Sprintf("change %d", t.version) }

func contradicts(what, found, want string) *failure {
	return &failure{what: what, found: found, want: want}
}

// choose returns the topic whose fact comes next, -1 if none may. Of the facts of
// one epoch any can come first; by event time is what is tried first.
func (x *search) choose(n *node, c *told) int {
	if n.forced >= 0 {
		topic := n.forced
		n.forced = -1
		return topic
	}
	var heads []int32
	for topic, list := range x.c.byTopic {
		end := len(list)
		if c != nil {
			end = c.need[topic]
		}
		if n.taken[topic] < end {
			heads = append(heads, list[n.taken[topic]])
		}
	}
	if len(heads) == 0 {
		return -1
	}
	first := slices.MinFunc(heads, func(a, b int32) int {
		if x.c.facts[a].epoch != x.c.facts[b].epoch {
			return int(x.c.facts[a].epoch - x.c.facts[b].epoch)
		}
		return int(a - b)
	})
	for _, other := range heads {
		if f := &x.c.facts[other]; other != first && f.epoch == x.c.facts[first].epoch {
			x.fork(n, func(n *node) { n.forced = int(f.topic) })
		}
	}
	return int(x.c.facts[first].topic)
}

// between takes a change that happened when no record of his was consumed.
func (x *search) between(n *node, c *told) *failure {
	n.unseen = nil
	m := &move{customer: x.c.id, from: n.p.segment, at: c.at, kind: c.kind}
	switch c.kind {
	case kindTimer:
		if n.pending || n.p.nextAt != c.at || c.at > x.s.hash.clock {
			return contradicts(c.name(), fmt.Sprintf("a deadline at %s", when(c.at)), fmt.Sprintf("the deadline %s at %s", n.p.next, when(n.p.nextAt)))
		}
		n.p.look(x.s.v.rules, c.at)
	case kindBootstrap:
		if !n.pending || c.at < n.least || c.at > x.s.hash.clock {
			return contradicts(c.name(), "told for the first time at "+when(c.at), fmt.Sprintf("pending: %t, from %s on", n.pending, when(n.least)))
		}
		n.p.pass(x.s.v.rules, c.at)
		n.pending = false
		m.from = nobody
	default:
		return contradicts(c.name(), string(c.value), "no event of his lies before its position")
	}
	n.p.version++
	n.least = max(n.least, c.at, c.position.clock)
	return x.tell(n, c, m)
}

// tell holds the published bytes against what the contract wants.
func (x *search) tell(n *node, c *told, m *move) *failure {
	if want := x.s.v.rules.value(&n.p, m); string(want) != string(c.value) {
		return contradicts(c.name(), string(c.value), string(want))
	}
	n.told++
	if !x.sensitive {
		// How he came here does not matter any more: the ledger is the same.
		x.open, x.exhausted = x.open[:0], false
		clear(x.seen)
	}
	return nil
}

// consume takes the next record.
func (x *search) consume(n *node, c *told, f *fact) *failure {
	n.unseen = nil
	sm := &x.s.samples
	least := max(n.least, f.at, f.least, sm.from(f.epoch))
	most := sm.to(f.epoch, x.s.hash.clock)
	if least > most {
		return &failure{what: fmt.Sprintf("record %d of %s", f.offset, x.s.v.Inputs[f.topic]),
			found: "consumed before stream time " + when(most), want: "not before " + when(least)}
	}
	n.taken[f.topic]++
	if c != nil && n.reached(c) && (c.kind == kindEvent || c.kind == kindForget) {
		return x.cause(n, c, f, least, most)
	}
	least = max(least, x.thresholds(n, f, least, most))
	return x.quiet(n, f, least, most)
}

// cause takes the record that made a change.
func (x *search) cause(n *node, c *told, f *fact, least, most int64) *failure {
	switch {
	case c.at < least || c.at > most:
		return contradicts("effective_at of "+c.name(), when(c.at), fmt.Sprintf("from %s to %s", when(least), when(most)))
	case c.position.offsets[f.topic] != f.offset+1 || c.position.clock != c.at:
		return contradicts("tidemark-at of "+c.name(), c.position.String(), fmt.Sprintf("offset %d of %s at %s", f.offset+1, x.s.v.Inputs[f.topic], when(c.at)))
	case n.p.nextAt != none && n.p.nextAt <= c.at:
		return x.missing(n, c.name(), string(c.value))
	}
	n.p.expire(x.s.v.rules, c.at)
	from := n.p.segment
	result := x.take(n, f, c.at)
	if result != applied || !n.p.look(x.s.v.rules, c.at) {
		return contradicts(c.name(), string(c.value), fmt.Sprintf("no change: event %s is %s, he stays %s", quote(f.id), outcomeNames[result], n.p.segment))
	}
	m := causedBy(x.c, f, c.at)
	m.from = from
	n.p.version++
	n.least = c.at
	return x.tell(n, c, m)
}

// missing says that a deadline passed without a change.
func (x *search) missing(n *node, what, found string) *failure {
	after := n.p.clone()
	m := &move{customer: x.c.id, from: n.p.segment, at: n.p.nextAt, kind: kindTimer}
	after.look(x.s.v.rules, n.p.nextAt)
	after.version++
	if what == "" {
		what = fmt.Sprintf("change %d", after.version)
	}
	return &failure{what: what, found: found, want: string(x.s.v.rules.value(&after, m))}
}

// quiet takes a record that made no change. Of the stream times that are possible
// the earliest at which he stays where he is leaves everything open that any
// other does.
func (x *search) quiet(n *node, f *fact, least, most int64) *failure {
	r := x.s.v.rules
	if n.p.nextAt != none && n.p.nextAt <= least {
		return x.missing(n, "", x.instead(n))
	}
	deadline, from, since := n.p.nextAt, n.p.segment, n.p.since
	n.p.expire(r, least)
	n.least = least
	if x.take(n, f, least) != applied || !n.p.look(r, least) {
		return nil
	}
	moved := n.p.clone()
	for n.p.segment != from && n.p.nextAt != none {
		n.least = n.p.nextAt
		n.p.look(r, n.least)
	}
	if n.p.segment != from || n.least > most || deadline != none && n.least >= deadline {
		m := causedBy(x.c, f, least)
		m.from = from
		moved.version++
		return &failure{what: fmt.Sprintf("change %d", moved.version), found: x.instead(n), want: string(r.value(&moved, m))}
	}
	n.p.expire(r, n.least)
	n.p.since = since
	return nil
}

// instead is what stands in the place of a change that is missing.
func (x *search) instead(n *node) string {
	if c := x.next(n); c != nil {
		return string(c.value)
	}
	return "not published"
}

// take applies a fact and counts what came of it.
func (x *search) take(n *node, f *fact, s int64) outcome {
	result := n.p.take(x.s.v.rules, f, s)
	n.tallies[f.topic][result]++
	x.stale = x.stale || result == stale
	x.floor = x.floor || n.p.floor != none
	x.sensitive = x.sensitive || result == stale || n.p.floor != none
	return result
}

// thresholds keeps for later what would become of a record at the stream times
// at which something else does: it has no effect any more, its order is folded,
// the tombstone is over; in silence, where he may have moved unseen, his deadlines
// and since when he is stored to stand where he does. A forget without a change
// happened when its tombstone says, which is returned.
func (x *search) thresholds(n *node, f *fact, least, most int64) int64 {
	r := x.s.v.rules
	if n.p.nextAt != none && !n.silent {
		most = min(most, n.p.nextAt-1)
	}
	later := func(at int64) {
		if at > least && at <= most {
			x.sensitive = true
			x.fork(n, func(n *node) {
				n.taken[f.topic]--
				n.least, n.forced, n.counted = at, int(f.topic), true
			})
		}
	}
	if n.p.forgottenAt != none {
		later(n.p.forgottenAt + r.horizon)
	}
	s := x.c.stored
	if n.silent {
		for _, at := range x.deadlines(n, f, least, most) {
			later(at)
		}
		if s != nil {
			if since, ok := parseInstant(s.line.Since); ok {
				later(since)
			}
		}
	}
	if f.forgets() {
		if s != nil && s.person.forgottenAt <= most && s.person.forgetID == xxhash.Sum64String(f.id) {
			if !n.silent {
				return s.person.forgottenAt
			}
			later(s.person.forgottenAt) // if it was this one, and not a repeat of it
		}
		if n.p.forgottenAt != none && n.p.forgetID == xxhash.Sum64String(f.id) && least < n.p.forgottenAt+r.horizon {
			return none // a repeat
		}
		for i := range n.p.orders {
			if o := &n.p.orders[i]; o.at == none {
				later(o.latest + r.horizon + grace) // then a refund has waited in vain
			}
		}
		for i := range x.c.facts {
			later(x.c.facts[i].at) // then it would be erased behind the forget
		}
		return none
	}
	later(f.at + r.horizon + grace)
	if i := slices.IndexFunc(n.p.orders, func(o order) bool { return f.order != "" && o.id == f.order }); i >= 0 {
		later(n.p.orders[i].latest + r.horizon + grace)
	}
	return none
}

// finish judges the end of a way: where what is kept depends on the way, it has to
// be what is stored.
func (x *search) finish(n *node) *failure {
	if c := x.next(n); c != nil {
		return contradicts(c.name(), string(c.value), "no such change")
	}
	if !x.sensitive {
		return nil
	}
	end := x.end(n)
	if x.c.stored == nil {
		if end.expire(x.s.v.rules, x.s.hash.clock); end.empty() {
			return nil
		}
		return &failure{what: "customer", found: "not in Redis", want: end.describe()}
	}
	got := &customer{stored: &stored{line: x.c.stored.line, person: x.c.stored.person.clone()}}
	l := x.s.differing(got, &end)
	if l == nil && x.s.hash.silent() != nil {
		l = x.s.differingLine(got, &end) // no change tells how he came there
	}
	if l != nil {
		return &failure{what: l.what, found: l.found, want: l.want}
	}
	return nil
}

// end is how a way leaves him: as silence did, if he is stored like that.
func (x *search) end(n *node) person {
	if n.unseen != nil && x.c.stored != nil && x.c.stored.line == n.unseen.line() {
		return n.unseen.clone()
	}
	return n.p.clone()
}
