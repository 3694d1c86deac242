package pipeline

// A leader that was elected out of turn may lack records that were consumed, and
// have others in their place. Where it has grown past our offset by the time we
// ask again, nothing in its answers tells, but for the epoch of its batches: so
// before anything of a new leader is taken, the last record consumed is compared
// with what it has there.

// unproven is the lane whose next bytes are of a leader that has not shown what
// it has of what we consumed, -1 without one. What was staged before has to be
// applied first.
func (s *Shard) unproven() int {
	if s.draining || len(s.staged) > 0 {
		return -1
	}
	for i := range s.lanes {
		if l, t := &s.lanes[i], &s.state.Topics[i]; l.unproven() {
			if t.Last >= 0 && t.Last >= l.chunks[0].start {
				return i
			}
			l.leader = l.chunks[0].leader // there is nothing to compare
		}
	}
	return -1
}

// prove asks for the last record consumed of a lane, then for what is behind it.
func (s *Shard) prove(lane int) *Op {
	t := &s.state.Topics[lane]
	s.proving = lane
	return s.start(&Op{Kind: OpRecord, Topic: t.Name, Offset: max(t.Last, s.lanes[lane].looked)})
}

// proven takes the answer.
func (s *Shard) proven(op *Op) {
	t := &s.state.Topics[s.proving]
	sum := t.Checksum
	if s.proving < len(s.open.lasts) && s.open.lasts[s.proving].Offset == t.Last {
		sum = checksum(&s.open.lasts[s.proving])
	}
	if op.Offset == t.Last && !s.same(op, t.Name, sum) {
		return
	}
	l := &s.lanes[s.proving]
	nothing, looked := s.nothingBetween(op, t, l.position)
	if s.phase != phaseLive {
		return // lost, and the lane with it
	}
	if l.looked = looked; nothing {
		l.leader = max(l.leader, l.chunks[0].leader)
	}
}

// unproven reports that the next bytes are a new leader's.
func (l *lane) unproven() bool {
	return !l.ready && !l.reading && len(l.chunks) > 0 && l.chunks[0].leader > l.leader
}
