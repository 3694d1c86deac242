package shop

// entry says that something happens at an instant: slot is the place of what
// happens in a slice beside the agenda.
type entry struct {
	at   int64
	slot uint32
}

func (e entry) before(other entry) bool {
	if e.at != other.at {
		return e.at < other.at
	}
	return e.slot < other.slot
}

// agenda is a heap of entries, the next one first; of equal instants the
// smaller slot, so that the order depends on nothing else. Four children to a
// node: half the levels of a binary heap, and the children share a cache line.
type agenda []entry

func (a *agenda) push(e entry) {
	*a = append(*a, e)
	h := *a
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

// pop takes the next entry out. The agenda must not be empty.
func (a *agenda) pop() entry {
	h := *a
	first := h[0]
	last := h[len(h)-1]
	*a = h[:len(h)-1]
	if len(*a) > 0 {
		a.replace(last)
	}
	return first
}

// replace puts e in the place of the next entry: cheaper than pop and push,
// and what nearly every event does, as a customer's next step follows the last.
func (a *agenda) replace(e entry) {
	h := *a
	i := 0
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].before(h[least]) {
				least = c
			}
		}
		if !h[least].before(e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}
