package verify

// samples are the places on the shard's way that its changes name, in order:
// where it stood, and at which stream time. They lie on one line as long as the
// shard never went back.
type samples struct {
	topics  int
	offsets []int64 // of each sample, one for each topic
	clocks  []int64
	crossed bool // two of them contradict each other
}

// maxSamples bounds their memory. With more, every second one is left out:
// fewer places are known then, which only leaves more freedom.
const maxSamples = 1 << 20

func (s *samples) len() int { return len(s.clocks) }

// at is the next offset of a topic at a sample.
func (s *samples) at(i, topic int) int64 { return s.offsets[i*s.topics+topic] }

// add takes in the position of a change; one that was there before says nothing
// new.
func (s *samples) add(p *position) {
	ahead, behind := false, false
	if n := s.len(); n > 0 {
		ahead, behind = p.clock > s.clocks[n-1], p.clock < s.clocks[n-1]
		for topic, offset := range p.offsets {
			ahead = ahead || offset > s.at(n-1, topic)
			behind = behind || offset < s.at(n-1, topic)
		}
		if !ahead {
			return
		}
	}
	if behind {
		s.crossed = true
		return
	}
	s.offsets = append(s.offsets, p.offsets...)
	s.clocks = append(s.clocks, p.clock)
	if s.len() > maxSamples {
		s.thin()
	}
}

func (s *samples) thin() {
	kept := 0
	for i := 0; i < s.len(); i += 2 {
		copy(s.offsets[kept*s.topics:], s.offsets[i*s.topics:(i+1)*s.topics])
		s.clocks[kept] = s.clocks[i]
		kept++
	}
	s.offsets, s.clocks = s.offsets[:kept*s.topics], s.clocks[:kept]
}

// clear forgets them all.
func (s *samples) clear() { *s = samples{topics: s.topics} }

// from is the stream time below which nothing of an epoch can have happened.
func (s *samples) from(epoch int32) int64 {
	if epoch == 0 {
		return none
	}
	return s.clocks[epoch-1]
}

// to is the stream time above which nothing of an epoch can have happened, end
// where it is the last.
func (s *samples) to(epoch int32, end int64) int64 {
	if int(epoch) < s.len() {
		return min(s.clocks[epoch], end)
	}
	return end
}

// epoch is how many samples lie before an offset, counted on from an epoch that
// is known to be reached.
func (s *samples) epoch(reached int32, topic int, offset int64) int32 {
	for int(reached) < s.len() && s.at(int(reached), topic) <= offset {
		reached++
	}
	return reached
}

// known reports whether a position is one that the stored state has come to.
func (h *hash) known(p *position) bool {
	for i, offset := range p.offsets {
		if offset > h.places[i].next {
			return false
		}
	}
	return p.clock <= h.clock
}
