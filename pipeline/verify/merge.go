package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/event"
)

// input is one input partition of a shard as the merge reads it.
type input struct {
	*log
	topic    int
	greatest int64 // event time of accepted records
	epoch    int32
	passed   int64 // behind the last record consumed

	head     fact
	customer string // of the head; like the texts of the head it lies in the fetched bytes
	ready    bool
	over     bool

	last recordbatch.Record // consumed
}

// merge reads the inputs of a shard up to the stored offsets as one stream in
// event-time order.
type merge struct {
	s      *shard
	judge  *judge
	inputs []*input
	clock  int64 // greatest event time so far
	silent bool  // by this order, nothing is published yet
	tally  bool  // count the records: once is enough
}

func (s *shard) merge(ctx context.Context, tally bool) (*merge, error) {
	j, err := s.v.newJudge()
	if err != nil {
		return nil, err
	}
	m := &merge{s: s, judge: j, clock: none, silent: s.hash.silent() != nil, tally: tally}
	for topic, name := range s.v.Inputs {
		l, err := s.open(ctx, name)
		if err != nil {
			return nil, err
		}
		l.end = min(l.end, s.hash.places[topic].next)
		m.inputs = append(m.inputs, &input{log: l, topic: topic, greatest: none, passed: l.start, last: recordbatch.Record{Offset: -1}})
	}
	return m, nil
}

// next returns the input whose head comes next, nil at the end. The head is
// good until the call after.
func (m *merge) next(ctx context.Context) (*input, error) {
	var first *input
	for _, in := range m.inputs {
		if err := m.fill(ctx, in); err != nil {
			return nil, err
		}
		if in.ready && (first == nil || in.head.at < first.head.at) {
			first = in
		}
	}
	if first == nil {
		return nil, nil
	}
	m.consume(first)
	return first, nil
}

// fill brings the next accepted record to the head; rejected ones are consumed
// on the way.
func (m *merge) fill(ctx context.Context, in *input) error {
	for !in.ready && !in.over {
		var record recordbatch.Record
		more, err := in.next(ctx, &record)
		if err != nil {
			return err
		}
		if !more {
			in.over, in.passed = true, in.end
			continue
		}
		reason := m.judge.accept(&record, m.s.number, m.s.v.partitions, in.greatest)
		in.last = record
		m.count(in, reason.String())
		if reason != event.OK {
			in.passed = record.Offset + 1
			continue
		}
		m.head(in, record.Offset)
	}
	return nil
}

func (m *merge) head(in *input, offset int64) {
	ev := &m.judge.event
	in.head = fact{kind: ev.Type, whole: ev.Whole, topic: uint8(in.topic), offset: offset,
		at: ev.Time, amount: ev.Amount, id: ev.ID, order: ev.OrderID}
	in.customer = ev.Customer
	in.greatest = max(in.greatest, ev.Time)
	in.epoch = m.s.samples.epoch(in.epoch, in.topic, offset)
	in.head.epoch, in.head.least = in.epoch, in.greatest
	in.ready = true
}

// consume takes the head of an input.
func (m *merge) consume(in *input) {
	m.endSilence()
	in.ready = false
	in.passed = in.head.offset + 1
	m.clock = max(m.clock, in.head.at)
	in.head.silent = m.silent && in.epoch == 0 // what comes behind a change does not come in silence
	if m.silent || m.s.v.Replay {
		in.head.least = m.clock // nothing but events moved it
	}
}

// endSilence ends it when every input has come to where it was at the first
// start.
func (m *merge) endSilence() {
	if !m.silent {
		return
	}
	for _, in := range m.inputs {
		if in.passed < m.s.hash.start.Ends[in.log.topic] {
			return
		}
	}
	m.silent = m.s.hash.start.Ended == nil
}

func (m *merge) count(in *input, reason string) {
	if !m.tally {
		return
	}
	m.s.counts[in.topic]["consumed"]++
	if reason != event.OK.String() {
		m.s.counts[in.topic][reason]++
	}
	m.s.v.read(1)
}

// keep copies the head out of the fetched bytes.
func (in *input) keep() fact {
	f := in.head
	f.id = strings.Clone(f.id)
	if f.order == in.head.id {
		f.order = f.id
	} else {
		f.order = strings.Clone(f.order)
	}
	return f
}

// events reads the facts of the slice's customers. With tally it also compares
// the ends of the inputs with the stored places.
func (s *shard) events(ctx context.Context, tally bool) error {
	m, err := s.merge(ctx, tally)
	if err != nil {
		return err
	}
	for {
		in, err := m.next(ctx)
		if err != nil {
			return err
		}
		if in == nil {
			break
		}
		if s.mine(in.customer) {
			c := s.customer(in.customer)
			c.facts = append(c.facts, in.keep())
		}
	}
	if !tally {
		return nil
	}
	for _, in := range m.inputs {
		s.comparePlace(in)
	}
	return s.compareEnd(ctx, m)
}

// comparePlace holds what the hash knows of an input's last records against the
// log.
func (s *shard) comparePlace(in *input) {
	p := &s.hash.places[in.topic]
	name := in.log.topic
	if p.last != in.last.Offset {
		s.differ("", "offset of the last record of "+name, fmt.Sprint(p.last), fmt.Sprint(in.last.Offset))
	} else if p.last >= 0 && p.sum != checksum(&in.last) {
		s.differ("", fmt.Sprintf("checksum of record %d of %s", p.last, name), fmt.Sprintf("%x", p.sum), fmt.Sprintf("%x", checksum(&in.last)))
	}
	if p.greatest != in.greatest {
		s.differ("", "greatest event time of "+name, when(p.greatest), when(in.greatest))
	}
}

// compareEnd finds whether a replay ended where it had to: at the ends that the
// inputs had when it began, or before an event that is later than its last
// instant.
func (s *shard) compareEnd(ctx context.Context, m *merge) error {
	if m.clock > s.hash.clock {
		s.differ("", "stream time", when(s.hash.clock), "at least "+when(m.clock))
	}
	if !s.v.Replay || s.hash.start == nil {
		return nil
	}
	for _, in := range m.inputs {
		end := s.hash.start.Ends[in.log.topic]
		if s.hash.places[in.topic].next >= end {
			continue
		}
		rest, err := s.open(ctx, in.log.topic)
		if err != nil {
			return err
		}
		rest.at, rest.end = s.hash.places[in.topic].next, end
		var record recordbatch.Record
		more, err := rest.next(ctx, &record)
		if err != nil {
			return err
		}
		if !more {
			continue
		}
		if m.judge.accept(&record, s.number, s.v.partitions, in.greatest) != event.OK || m.judge.event.Time <= s.hash.clock {
			s.differ("", "next offset of "+in.log.topic, fmt.Sprint(s.hash.places[in.topic].next), fmt.Sprintf("more: record %d belongs to the replay", record.Offset))
		}
	}
	return nil
}
