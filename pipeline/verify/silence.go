package verify

import "fmt"

// silence goes one step through the history that was read without publishing.
// Up to the ends of the first start its order follows from the log, as an input
// that has not come there is waited for. What lies behind them may have come
// whenever it was written: by its time, behind records of other inputs that are
// later, or when silence was over; and at a stream time that those had brought
// about.
func (x *search) silence(n *node) (over bool, f *failure) {
	ended := x.s.hash.silent().Ended
	heads, first := x.silentHeads(n)
	if n.forced >= 0 {
		first, n.forced = n.forced, -1
	}
	if first < 0 {
		if ended == nil {
			return true, x.finish(n)
		}
		x.endSilence(n, *ended)
		return false, nil
	}
	fact := heads[first]
	late := x.arrivedLater(fact)
	if late {
		x.sensitive = true
		waited := false // for some other input, which has history left
		for topic, head := range heads {
			if head != nil && topic != first {
				x.fork(n, func(n *node) { n.forced, n.counted = topic, true })
				waited = waited || !x.arrivedLater(head)
			}
		}
		if ended != nil && !waited {
			x.fork(n, func(n *node) {
				n.counted = true
				x.endSilence(n, *ended)
			})
		}
	}
	least := max(fact.at, fact.least)
	if !late && n.least > least {
		return false, contradicts(fmt.Sprintf("record %d of %s", fact.offset, x.s.v.Inputs[first]), "read at stream time "+when(n.least), "at "+when(least))
	}
	n.least = max(n.least, least)
	n.taken[first]++
	if late {
		n.least = max(n.least, x.thresholds(n, fact, n.least, x.silentUntil(fact)))
	}
	n.p.pass(x.s.v.rules, n.least)
	if x.take(n, fact, n.least) == applied {
		n.p.look(x.s.v.rules, n.least)
	}
	return false, nil
}

// silentHeads are the next facts that may belong to the silence, by topic, and the
// topic of the one that comes first by its time; -1 if there is none.
func (x *search) silentHeads(n *node) (heads []*fact, first int) {
	heads = make([]*fact, len(x.c.byTopic))
	first, at := -1, int32(0)
	for topic, list := range x.c.byTopic {
		if n.taken[topic] == len(list) || !x.c.facts[list[n.taken[topic]]].silent {
			continue
		}
		i := list[n.taken[topic]]
		if heads[topic] = &x.c.facts[i]; first < 0 || i < at {
			first, at = topic, i
		}
	}
	return heads, first
}

// silentUntil is the stream time above which a fact cannot have been consumed in
// silence.
func (x *search) silentUntil(f *fact) int64 {
	until := x.s.samples.to(f.epoch, x.s.hash.clock)
	if ended := x.s.hash.silent().Ended; ended != nil {
		until = min(until, *ended)
	}
	return until
}

// deadlines are the instants at which he moves if a fact has happened at a stream
// time: where it happened behind one, it did not move him any more.
func (x *search) deadlines(n *node, f *fact, least, most int64) (instants []int64) {
	r, p := x.s.v.rules, n.p.clone()
	p.pass(r, least)
	if p.take(r, f, least) == applied {
		p.look(r, least)
	}
	for p.nextAt != none && p.nextAt <= most {
		instants = append(instants, p.nextAt)
		p.look(r, p.nextAt)
	}
	return instants
}

// arrivedLater reports a fact that was perhaps not yet in the log at the first
// start.
func (x *search) arrivedLater(f *fact) bool {
	return f.offset >= x.s.hash.start.Ends[x.s.v.Inputs[f.topic]]
}

// endSilence lets the deadlines up to its end pass without a word, whenever he is
// looked at first.
func (x *search) endSilence(n *node, at int64) {
	n.silent = false
	if n.p.nextAt != none && n.p.nextAt <= at {
		before := n.p.clone()
		n.unseen = &before
	}
	for n.p.nextAt != none && n.p.nextAt <= at {
		n.p.look(x.s.v.rules, n.p.nextAt)
	}
	n.least = max(n.least, at)
	n.pending = x.s.hash.start.Publish == publishSnapshot && n.p.segment != nobody
}

// untold judges a customer of whom the world has not heard since the silence: no
// record of his may come first.
func (x *search) untold(n *node, c *told) (over bool, f *failure) {
	if c == nil && x.all(n) {
		return true, x.finish(n)
	}
	return false, &failure{what: "change 1", found: x.instead(n), want: "bootstrap as " + n.p.segment.String()}
}

// all reports that every record of his was consumed.
func (x *search) all(n *node) bool {
	for topic, list := range x.c.byTopic {
		if n.taken[topic] < len(list) {
			return false
		}
	}
	return true
}
