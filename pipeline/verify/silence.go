package verify

// silence goes one step through the history that was read without publishing:
// its order follows from the log, as an input that has not reached its end is
// waited for.
func (x *search) silence(n *node) (over bool, f *failure) {
	ended := x.s.hash.silent().Ended
	topic := x.firstSilent(n)
	if topic < 0 {
		if ended == nil {
			return true, x.finish(n)
		}
		x.endSilence(n, *ended)
		return false, nil
	}
	fact := &x.c.facts[x.c.byTopic[topic][n.taken[topic]]]
	if ended != nil && fact.offset >= x.s.hash.start.Ends[x.s.v.Inputs[topic]] {
		// It may have come when silence was over.
		x.fork(n, func(n *node) { x.endSilence(n, *ended) })
	}
	n.least = max(n.least, fact.at, fact.least)
	n.taken[topic]++
	n.p.pass(x.s.v.rules, n.least)
	if x.take(n, fact, n.least) == applied {
		n.p.look(x.s.v.rules, n.least)
	}
	return false, nil
}

// firstSilent is the topic of the next fact that belongs to the silence, -1 if
// there is none.
func (x *search) firstSilent(n *node) int {
	first, at := -1, int32(0)
	for topic, list := range x.c.byTopic {
		if n.taken[topic] == len(list) {
			continue
		}
		if i := list[n.taken[topic]]; x.c.facts[i].silent && (first < 0 || i < at) {
			first, at = topic, i
		}
	}
	return first
}

// endSilence lets the deadlines up to its end pass without a word.
func (x *search) endSilence(n *node, at int64) {
	n.silent = false
	n.p.pass(x.s.v.rules, at)
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
