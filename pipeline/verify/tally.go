package verify

import (
	"slices"

	"github.com/tidemark/tidemark/pkg/event"
)

// tallies are the outcomes of a customer's events, by topic.
type tallies [][outcomes]int64

// stale is how many of them were too old for an effect.
func (t tallies) stale() (n int64) {
	for i := range t {
		n += t[i][stale]
	}
	return n
}

// tally is what became of a customer's events, as far as the log tells: a clock
// that is ahead of every event shows in none, but decides which of them were too
// old for an effect.
type tally struct {
	way         tallies // the one that was found
	least, most tallies
	dropped     [2]int64 // refunds that waited in vain: at least, at most
}

// tally goes on from the end of a way to those of the others by which an event
// happened at another stream time, or came in another order into silence. Another
// order alone is not tried where changes are told: what it makes too old, a stream
// time makes too, and what it erases unordered opens.
func (x *search) tally(n *node) *tally {
	t := &tally{way: n.tallies, least: slices.Clone(n.tallies), most: slices.Clone(n.tallies), dropped: [2]int64{n.p.dropped, n.p.dropped}}
	x.steps = 0
	for n != nil {
		t.widen(n, x.s)
		x.open = slices.DeleteFunc(x.open, func(n *node) bool { return !n.counted })
		if n = x.pop(); n != nil {
			n = x.follow(n)
		}
	}
	if x.lost {
		t.open(x.c)
	} else {
		x.unordered(t)
	}
	return t
}

// unordered opens what hangs on whether an event of another topic came before or
// behind a forget that changed nothing: too old or, if it is a refund, waiting;
// erased behind it.
func (x *search) unordered(t *tally) {
	old := x.s.hash.clock - x.s.v.rules.horizon - grace
	for i := range x.c.facts {
		f := &x.c.facts[i]
		if f.forgets() || f.silent || f.kind != event.Refund && f.at > old || !x.c.besideForget(f) {
			continue
		}
		outcomes := []outcome{erased, stale}
		if f.kind == event.Refund {
			outcomes = append(outcomes, applied)
			t.dropped[0], t.dropped[1] = max(t.dropped[0]-1, 0), t.dropped[1]+1
		}
		for _, o := range outcomes {
			t.least[f.topic][o] = max(t.least[f.topic][o]-1, 0)
			t.most[f.topic][o] = min(t.most[f.topic][o]+1, int64(len(x.c.byTopic[f.topic])))
		}
	}
}

// besideForget reports that the log does not tell the order of an event and a
// forget.
func (c *customer) besideForget(f *fact) bool {
	return slices.ContainsFunc(c.facts, func(forget fact) bool {
		return forget.forgets() && forget.topic != f.topic && forget.epoch == f.epoch && c.told(&forget) == none
	})
}

// widen takes in the end of one more way.
func (t *tally) widen(n *node, s *shard) {
	for topic := range n.tallies {
		for i, count := range n.tallies[topic] {
			t.least[topic][i] = min(t.least[topic][i], count)
			t.most[topic][i] = max(t.most[topic][i], count)
		}
	}
	t.dropped[0] = min(t.dropped[0], n.p.dropped)
	n.p.expire(s.v.rules, s.hash.clock)
	t.dropped[1] = max(t.dropped[1], n.p.dropped)
}

// open leaves everything open: there were too many ways to try.
func (t *tally) open(c *customer) {
	t.dropped[0] = 0
	for topic, list := range c.byTopic {
		n := int64(len(list))
		t.dropped[1] += n
		t.least[topic] = [outcomes]int64{}
		t.most[topic] = [outcomes]int64{n, n, n, n}
	}
}

// add takes a customer's tally into the shard's counts.
func (s *shard) add(t *tally) {
	for topic := range t.way {
		for i, name := range outcomeNames {
			n := t.way[topic][i]
			s.counts[topic][name] += n
			s.room[0][topic][i] += n - t.least[topic][i]
			s.room[1][topic][i] += t.most[topic][i] - n
		}
	}
	s.dropped[0] += t.dropped[0]
	s.dropped[1] += t.dropped[1]
}
