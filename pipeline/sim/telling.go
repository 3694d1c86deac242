package sim

// told is one change as the contract wants it.
type told struct {
	customer    string
	version     int64
	from, to    string // "" for null
	effectiveAt int64
	kind        string
	eventID     string // of kind event
	eventType   string
	orders      int64
	monetary    int64
	first       int64
	lastOrder   int64
	last        int64
	next        string
	nextAt      int64

	prefix int // records of the shard that were consumed when it was made
}

// cause is why a person is looked at.
type cause struct {
	kind, eventID, eventType string
}

// look moves a person to the segment that he has at an instant; with a voice
// the world is told.
func (p *person) look(r *ruleset, customer string, at int64, why cause, aloud bool, out []told) []told {
	v := p.portrait(r)
	from := p.segment
	p.segment = v.segment(at)
	p.nextAt, p.next = v.deadline(at)
	if p.segment == from {
		return out
	}
	p.since = at
	if p.segment == "" {
		p.since = none
	}
	if !aloud {
		return out
	}
	return append(out, p.tell(v, customer, from, at, why))
}

// tell takes the next version.
func (p *person) tell(v portrait, customer, from string, at int64, why cause) told {
	p.version++
	t := told{customer: customer, version: p.version, from: from, to: p.segment, effectiveAt: at,
		kind: why.kind, eventID: why.eventID, eventType: why.eventType,
		first: none, lastOrder: none, last: none, next: p.next, nextAt: p.nextAt}
	if p.segment != "" {
		t.describe(v)
	}
	return t
}

// describe fills in the summary as of the change.
func (t *told) describe(v portrait) {
	t.orders, t.monetary = v.window(t.effectiveAt)
	t.first, t.lastOrder, t.last = v.first, v.lastOrder(), v.last
}

// pass lets time pass up to stream time s: every deadline on the way, in order.
// Deadlines up to quietUntil pass in silence.
func (p *person) pass(r *ruleset, customer string, s, quietUntil int64, out []told) []told {
	for p.nextAt != none && p.nextAt <= s {
		out = p.look(r, customer, p.nextAt, cause{kind: "timer"}, p.nextAt > quietUntil, out)
	}
	p.expire(r, s)
	return out
}

// bootstrap tells of a pending person for the first time, at stream time s.
func (p *person) bootstrap(r *ruleset, customer string, s int64, out []told) []told {
	out = p.pass(r, customer, s, s, out)
	p.pending = false
	if p.segment == "" {
		return out
	}
	return append(out, p.tell(p.portrait(r), customer, "", s, cause{kind: "bootstrap"}))
}

// happen lets a fact happen at stream time s, to which the person has been
// brought.
func (p *person) happen(r *ruleset, customer string, f fact, s int64, aloud bool, out []told) ([]told, string) {
	outcome := p.take(r, f, s)
	if outcome != applied {
		return out, outcome
	}
	why := cause{kind: "event", eventID: f.id, eventType: f.kind}
	if f.kind == "forget" {
		why = cause{kind: "forget"}
	}
	return p.look(r, customer, s, why, aloud, out), outcome
}
