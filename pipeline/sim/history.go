package sim

// observation is one record as a shard took it into a batch.
type observation struct {
	sent       *parcelled // nil: nobody sent it
	topic      string
	offset     int64
	streamTime int64 // after it, unix ms
	accepted   bool
	chosen     int64 // virtual ms at which the merge took it
	now        int64 // the time of day then, unix ms: no worker's clock was ahead of it
}

// history is what a stored state has consumed, in order: a list that shares its
// beginning with the histories of the states before, and that a roll-back of
// the server rolls back with it. The nil history is empty.
type history struct {
	before *history
	last   []observation
	length int
}

func (h *history) with(observed []observation) *history {
	if len(observed) == 0 {
		return h
	}
	return &history{before: h, last: observed, length: h.len() + len(observed)}
}

func (h *history) len() int {
	if h == nil {
		return 0
	}
	return h.length
}

// list is the whole history, oldest first.
func (h *history) list() []observation {
	all := make([]observation, h.len())
	for ; h != nil; h = h.before {
		copy(all[h.length-len(h.last):], h.last)
	}
	return all
}
