package sim

import (
	"bytes"
	"fmt"
)

// readBootstraps takes from the changes topic when each customer was told about
// for the first time after a silent start: the one thing that the contract
// leaves to the shard.
func (v *verdict) readBootstraps() {
	for _, b := range v.topic {
		if b.Cause.Kind == "bootstrap" {
			v.bootstraps[b.Customer] = b.effectiveAt
		}
	}
}

// readPasts replays what the shard had been before each loss.
func (v *verdict) readPasts() error {
	v.pasts = []*replay{v.replay}
	for _, l := range v.lost {
		past := v.w.newReplay(v.number, l.before.history, nil)
		if err := past.run(none); err != nil {
			return err
		}
		v.pasts = append(v.pasts, past)
	}
	return nil
}

// touched reports that Redis, when it came back older, did not know a change of
// this customer that was published, so that he had to be adopted.
func (v *verdict) touched(id string) bool {
	return v.exposed(id) || v.adopted[id]
}

// exposed reports that the world may have been told two things of a customer.
func (v *verdict) exposed(id string) bool { return v.w.exposed[someone{v.number, id}] }

// readAdopted lists the customers of changes that Redis, when it came back older,
// did not know.
func (v *verdict) readAdopted() {
	v.adopted = map[string]bool{}
	for _, l := range v.lost {
		pub := l.after.pub()
		known := map[string]bool{}
		for i := range v.topic {
			b := &v.topic[i]
			switch {
			case b.at < pub:
				known[b.ID] = true
			case b.at < l.read && !known[b.ID] && !bytes.Contains(l.after.outbox, []byte(b.ID)):
				v.adopted[b.Customer] = true
			}
		}
	}
}

// pub is the offset up to which the state knows the changes partition.
func (d *shardData) pub() int64 {
	var n int64
	_, _ = fmt.Sscan(d.hash["pub"], &n)
	return n
}

// last is the last thing that the world was told about a customer.
func (v *verdict) last(id string) *broadcast {
	var last *broadcast
	for i := range v.topic {
		if b := &v.topic[i]; b.Customer == id && !b.repeat {
			last = b
		}
	}
	return last
}

// checkTruth: every change ever published is what the contract says of the
// records before the position that it names, in this history or in one that
// Redis lost.
func (v *verdict) checkTruth() error {
	for i := range v.topic {
		b := &v.topic[i]
		if b.repeat {
			continue
		}
		var err error
		for _, past := range v.pasts {
			if err = past.explains(b); err == nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("%w: %s at %v %s", err, b.value, b.offsets, textOf(b.streamTime))
		}
	}
	return nil
}

// explains reports whether a change follows from a history.
func (r *replay) explains(b *broadcast) error {
	prefix, ok := r.prefix(b.offsets)
	if !ok {
		return fmt.Errorf("its position is no place of the history")
	}
	from, to := r.times(prefix)
	if b.streamTime < from || b.streamTime > to && r.start != nil {
		return fmt.Errorf("its stream time is not from %s to %s", textOf(from), textOf(to))
	}
	p := r.at(b.Customer, prefix)
	view := p.portrait(r.rules)
	if got := view.segment(b.effectiveAt); got != b.to() {
		return fmt.Errorf("he is %q then", got)
	}
	want := told{customer: b.Customer, version: b.Version, from: b.from(), to: b.to(), effectiveAt: b.effectiveAt, kind: b.Cause.Kind}
	if err := r.name(&want, b, prefix); err != nil {
		return err
	}
	if want.to != "" {
		want.describe(view)
	}
	want.nextAt, want.next = view.deadline(b.effectiveAt)
	if value := want.json(r.rules); !bytes.Equal(value, b.value) {
		return fmt.Errorf("it should be %s", value)
	}
	return nil
}

// name fills in the event that caused a change: the last one before its position.
// Its traceparent goes with it.
func (r *replay) name(want *told, b *broadcast, prefix int) error {
	trace := ""
	if want.kind == "event" || want.kind == "forget" {
		if prefix == 0 {
			return fmt.Errorf("there is no event before its position")
		}
		o := r.history[prefix-1]
		sent := o.sent
		if sent.customer != b.Customer || o.streamTime != b.effectiveAt {
			return fmt.Errorf("its event is not the last one before its position")
		}
		if want.kind == "event" {
			want.eventID, want.eventType = sent.fact.id, sent.fact.kind
		}
		for _, h := range sent.record.Headers {
			if h.Key == "traceparent" {
				trace = string(h.Value)
			}
		}
	}
	if b.trace != trace {
		return fmt.Errorf("its traceparent is %q, want %q", b.trace, trace)
	}
	return nil
}

// checkChains: of each customer, repeats apart, versions without gaps, every
// change from where the one before led, the last one to where he is now.
func (v *verdict) checkChains() error {
	for _, id := range v.w.workload.customers {
		if v.exposed(id) {
			continue
		}
		var before *broadcast
		for i := range v.topic {
			b := &v.topic[i]
			if b.Customer != id || b.repeat {
				continue
			}
			if err := v.follows(before, b); err != nil {
				return fmt.Errorf("%w: %s", err, b.value)
			}
			before = b
		}
		if v.stopped {
			continue
		}
		p := v.persons[id]
		if p != nil && before != nil && before.to() != p.segment && !v.unspoken(p) {
			return fmt.Errorf("the last change of %q leads to %q, but he is %q", id, before.to(), p.segment)
		}
	}
	return nil
}

// unspoken reports that silence is not over, so that nothing is told.
func (v *verdict) unspoken(*person) bool {
	return v.state.Start != nil && v.state.Start.Publish != "all" && v.state.Start.Ended == nil
}

// follows reports whether one change of a customer may come after another. Once
// a customer is forgotten and his tombstone gone, he begins at 1 again.
func (v *verdict) follows(before, b *broadcast) error {
	switch {
	case before == nil && b.Version == 1:
		if b.From != nil && v.w.s.Publish != "none" {
			return fmt.Errorf("the first change of %q is from %q", b.Customer, b.from())
		}
		return nil
	case before == nil:
		return fmt.Errorf("the first change of %q has version %d", b.Customer, b.Version)
	case b.Version == before.Version+1 && b.from() == before.to():
		return nil
	case b.Version == 1 && before.To == nil && b.From == nil && b.effectiveAt >= before.effectiveAt+v.rules.horizon:
		b.restart = true
		return nil
	}
	return fmt.Errorf("after version %d to %q comes version %d from %q", before.Version, before.to(), b.Version, b.from())
}

// checkExact: customers of whom nothing was lost were told exactly what the
// model tells.
func (v *verdict) checkExact() error {
	for _, id := range v.w.workload.customers {
		if v.stopped || v.touched(id) {
			continue
		}
		var got []string
		for _, b := range v.topic {
			if b.Customer == id && !b.repeat {
				got = append(got, string(b.value))
			}
		}
		var want []string
		for i := range v.told[id] {
			want = append(want, string(v.told[id][i].json(v.rules)))
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				return fmt.Errorf("%q was told\n%s, want\n%s", id, nth(got, i), nth(want, i))
			}
		}
	}
	return nil
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing more"
}
