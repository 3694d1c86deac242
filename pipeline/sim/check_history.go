package sim

import (
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
)

// checkHistory: every record of every partition once, in order, merged by event
// time, and nothing after the end of a replay. What a log had in the place of what
// it lost, before a copy of the record that was consumed last, nobody can tell.
func (v *verdict) checkHistory() error {
	for _, topic := range inputs {
		var got []int64
		gone := false // the log has lost the last one: told, or hidden by its very copy
		copied := int64(-1)
		for _, o := range v.history {
			if o.topic != topic {
				continue
			}
			if n := len(got); n > 0 && o.offset <= got[n-1] {
				return fmt.Errorf("%s: consumed %d after %d", topic, o.offset, got[n-1])
			}
			got = append(got, o.offset)
			if gone = o.sent != nil && o.sent.gone; gone && v.w.hidden(o) {
				copied = o.offset
			}
		}
		want := v.toConsume(topic)
		if tail, lost := v.w.tails[place{topic, v.number}]; lost && (v.stopped || gone) {
			want = got // that it was not told of the loss is what is wrong with it
		} else if lost {
			untold := func(o int64) bool { return tail <= o && o < copied }
			got, want = slices.DeleteFunc(got, untold), slices.DeleteFunc(want, untold)
		}
		if v.stopped {
			want = want[:min(len(got), len(want))]
		}
		if v.w.s.Truncation.accepted {
			start, _, _ := v.w.kafka.Bounds(topic, v.number)
			want = slices.DeleteFunc(want, func(o int64) bool { return o < start && !slices.Contains(got, o) })
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s: consumed %v, want %v", topic, got, want)
		}
	}
	return v.checkMerge()
}

// toConsume are the offsets of an input that the shard has to take: all, up to
// the first event that is later than a replay's end.
func (v *verdict) toConsume(topic string) []int64 {
	var all []int64
	for offset := range v.w.sent[place{topic, v.number}] {
		all = append(all, offset)
	}
	slices.Sort(all)
	greatest := none
	for i, offset := range all {
		sent := v.w.sent[place{topic, v.number}][offset]
		reject, f := sent.judge(v.rules, sent.timestamp, greatest)
		if reject != "" {
			continue
		}
		if v.w.s.Until != instant.None && f.at > v.w.s.Until {
			return all[:i]
		}
		greatest = max(greatest, f.at)
	}
	return all
}

// head is the next accepted record of an input, with its event time.
type head struct {
	topic    string
	offset   int64
	at       int64
	appended int64
}

// heads lists the accepted records of an input in order.
func (v *verdict) heads(topic string) []head {
	var heads []head
	greatest := none
	for _, o := range v.history {
		if o.topic != topic || !o.accepted {
			continue
		}
		sent := o.sent
		_, f := sent.judge(v.rules, sent.timestamp, greatest)
		greatest = max(greatest, f.at)
		heads = append(heads, head{topic: topic, offset: o.offset, at: f.at, appended: sent.appended})
	}
	return heads
}

// checkMerge: of the records at the heads of the inputs the earliest was taken
// first. Live, one may have been missed that came after the last question to
// its leader whose answer still counted.
func (v *verdict) checkMerge() error {
	waiting := map[string][]head{}
	for _, topic := range inputs {
		waiting[topic] = v.heads(topic)
	}
	for i, o := range v.history {
		if !o.accepted {
			continue
		}
		mine := waiting[o.topic][0]
		waiting[o.topic] = waiting[o.topic][1:]
		for _, topic := range inputs {
			if topic == o.topic || len(waiting[topic]) == 0 {
				continue
			}
			other := waiting[topic][0]
			if other.at > mine.at || other.at == mine.at && other.topic > mine.topic {
				continue
			}
			if !v.w.s.Wall || other.appended+min(2000, v.w.s.Grace) < o.chosen {
				return fmt.Errorf("record %d: %s %d (%s) was taken before %s %d (%s)", i,
					mine.topic, mine.offset, clock(mine.at), other.topic, other.offset, clock(other.at))
			}
		}
	}
	return nil
}

// checkStart: silence ends when, and only when, every input is where it was at
// the first start.
func (v *verdict) checkStart() error {
	s := v.state.Start
	if s == nil && v.stopped {
		return nil
	}
	if s == nil {
		return fmt.Errorf("there is no first start")
	}
	if s.Publish != v.w.s.Publish {
		return fmt.Errorf("start is %q, want %q", s.Publish, v.w.s.Publish)
	}
	if s.Publish == "all" || v.stopped {
		return nil
	}
	if s.Ended == nil {
		return fmt.Errorf("silence until %v never ended", s.Ends)
	}
	if from, to := v.times(v.silent); *s.Ended < from || *s.Ended > to {
		return fmt.Errorf("silence ended at %s, want %s to %s", clock(*s.Ended), clock(from), clock(to))
	}
	return nil
}

// checkAccounts: consumed = applied + without effect + dead letters, each as the
// model has it; sizes; counters.
func (v *verdict) checkAccounts() error {
	for _, t := range v.state.Topics {
		want := v.counts[t.Name]
		c := t.Counts
		got := map[string]int64{applied: c.Applied, erased: c.Erased, belowFloor: c.BelowFloor, stale: c.Stale}
		for _, reason := range event.Reasons {
			got[reason.String()] = c.Dead[reason]
		}
		sum := int64(0)
		for name, n := range got {
			if n != want[name] {
				return fmt.Errorf("%s: %d %s, want %d", t.Name, n, name, want[name])
			}
			sum += n
		}
		if c.Consumed != sum || c.Consumed != int64(v.next[t.Name]) {
			return fmt.Errorf("%s: consumed %d is not %d of %d", t.Name, c.Consumed, sum, v.next[t.Name])
		}
		if t.Greatest != v.latest[t.Name] {
			return fmt.Errorf("%s: greatest event time %d, want %d", t.Name, t.Greatest, v.latest[t.Name])
		}
	}
	if err := v.checkCounters(); err != nil {
		return err
	}
	if v.w.s.Durable && len(v.lost) > 0 && v.w.s.Truncation.kind == "" && v.state.Adopted > 0 {
		return fmt.Errorf("%d customers were adopted though nothing durable was lost", v.state.Adopted)
	}
	return nil
}

// checkCounters: changes made, and refunds that waited for their order in vain:
// at least those before a customer's last event, at most those before the end.
func (v *verdict) checkCounters() error {
	least, most, changes := int64(v.dropped), int64(0), int64(0)
	for id, p := range v.persons {
		most += int64(p.dropped)
		changes += int64(len(v.told[id]))
	}
	if v.state.Dropped < least || v.state.Dropped > most {
		return fmt.Errorf("%d refunds are counted as dropped, want %d to %d", v.state.Dropped, least, most)
	}
	if len(v.lost) == 0 && !v.stopped && v.state.Changes != changes {
		return fmt.Errorf("%d changes are counted, want %d", v.state.Changes, changes)
	}
	return nil
}

// checkLetters: every rejected record lies in the dead letters as it came.
func (v *verdict) checkLetters() error {
	buried := map[string]bool{}
	for _, r := range v.w.kafka.records(topicDead, v.number%v.w.s.DeadParts) {
		buried[letterText(&r.Record)] = true
	}
	latest := map[string]int64{}
	for _, topic := range inputs {
		latest[topic] = none
	}
	for _, o := range v.history {
		sent := o.sent
		reject, f := sent.judge(v.rules, sent.timestamp, latest[o.topic])
		if reject == "" {
			latest[o.topic] = max(latest[o.topic], f.at)
			continue
		}
		if want := letterOf(sent, o, v.number, reject); !buried[want] {
			return fmt.Errorf("%s %d is missing: %s", o.topic, o.offset, want)
		}
	}
	return nil
}
