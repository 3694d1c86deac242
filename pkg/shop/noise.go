package shop

// noise is what happens to events on their way: some arrive late, some twice,
// and between them come lines that nobody can read. It draws from a stream of
// its own, so that the same seed without noise gives the same events.
type noise struct {
	dice                            *dice
	duplicates, disorder, malformed float64

	waiting agenda // by instant of arrival; slots in held
	held    slots
	room    int // how many may wait: memory stays in proportion to the customers

	bads uint64
}

func (n *noise) open(o Options) {
	n.dice = newDice(o.Seed, 2)
	n.duplicates, n.disorder, n.malformed = o.Duplicates, o.Disorder, o.Malformed
	n.room = max(1024, o.Customers)
}

// keeps says that an event arrives late, so that it is not to be delivered now.
func (n *noise) keeps(h happening) bool {
	if n.duplicates > 0 && n.dice.chance(n.duplicates) {
		n.wait(h, n.redelivery())
	}
	if n.disorder > 0 && n.dice.chance(n.disorder) {
		n.wait(h, n.lateness())
		return true
	}
	return false
}

func (n *noise) wait(h happening, delay int64) {
	n.waiting.push(entry{at: h.at + delay, slot: n.held.put(h)})
}

// redelivery is how much later a copy comes: half of them as a producer's
// retry, the others within a week.
func (n *noise) redelivery() int64 {
	if n.dice.below(2) == 0 {
		return n.dice.between(1, 30*second)
	}
	return n.dice.between(minute, week)
}

// lateness is by how much an event is late: most by minutes, some by days.
func (n *noise) lateness() int64 {
	if n.dice.below(4) > 0 {
		return n.dice.between(second, 30*minute)
	}
	return n.dice.between(30*minute, 3*day)
}

// ahead is when the next waiting event arrives, now being the instant of the
// next one that does not wait: at once, if too many wait.
func (n *noise) ahead(now int64) (int64, bool) {
	if len(n.waiting) == 0 {
		return 0, false
	}
	due := n.waiting[0].at
	if len(n.waiting) >= n.room {
		due = min(due, now)
	}
	return due, true
}

func (n *noise) release() happening {
	return n.held.take(n.waiting.pop().slot)
}

// spoils says that the next line is a bad one.
func (n *noise) spoils() bool {
	return n.malformed > 0 && n.dice.chance(n.malformed)
}

func (n *noise) spoil(at int64) happening {
	n.bads++
	return happening{
		at:      at,
		number:  n.bads,
		kind:    bad,
		variant: uint8(n.dice.below(uint64(len(spoiled)))),
	}
}
