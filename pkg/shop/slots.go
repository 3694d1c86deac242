package shop

// slots keeps happenings that wait, each in a place of its own that is used
// again once it is taken: as many places as ever waited at once.
type slots struct {
	all  []happening
	free []uint32
}

func (s *slots) put(h happening) uint32 {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		s.all[slot] = h
		return slot
	}
	s.all = append(s.all, h)
	return uint32(len(s.all) - 1)
}

func (s *slots) take(slot uint32) happening {
	s.free = append(s.free, slot)
	return s.all[slot]
}
