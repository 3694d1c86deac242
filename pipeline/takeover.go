package pipeline

import (
	"math"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
)

// phase is how far an ownership is.
type phase uint8

const (
	phaseHead   phase = iota // read the stored head and offsets
	phaseGroup               // commit those offsets to the group: a zombie learns here that it is one
	phaseTake                // put our head in the place of the one read
	phaseBounds              // compare the offsets with the logs
	phaseRecord              // compare the last records consumed with the logs
	phaseScan                // read what the world was told (memory.go)
	phaseLive
)

// takeOver is what a take-over carries from step to step.
type takeOver struct {
	bounds map[string]Bounds
	record int              // input whose last record is compared
	looked int64            // what lies behind that record was looked at up to here, 0 at first
	seen   int64            // tick at which the bounds were known
	leader map[string]int32 // the epoch of what each input has there
	scan   scan
}

// takeOver returns the next I/O of the way to phaseLive. Whatever goes wrong on
// it begins the way again.
func (s *Shard) takeOver() *Op {
	if s.main != nil || s.writing != nil || s.tick < s.retryAt {
		return nil
	}
	switch s.phase {
	case phaseHead:
		return s.start(&Op{Kind: OpHead, Cause: s.cause})
	case phaseGroup:
		return s.start(&Op{Kind: OpGroup, Offsets: s.offsets()})
	case phaseTake:
		s.token = s.cfg.Token()
		return s.start(&Op{Kind: OpTake, Expect: s.state.Head, Fresh: s.token + ":0"})
	case phaseBounds:
		if s.publishing != nil && !planted.OwnProduceForgotten.On() {
			return nil // it may still land behind what we are about to read
		}
		return s.start(&Op{Kind: OpBounds})
	case phaseRecord:
		topic := &s.state.Topics[s.take.record]
		return s.start(&Op{Kind: OpRecord, Topic: topic.Name, Offset: max(topic.Last, s.take.looked)})
	case phaseScan:
		return s.scan()
	default:
		return nil
	}
}

// took takes the answer to a step.
func (s *Shard) took(op *Op) {
	switch op.Kind {
	case OpHead:
		s.state = op.State
		if s.refuse() {
			return
		}
		s.phase = mutateStep(phaseGroup)
	case OpGroup:
		s.phase = mutateStep(phaseTake)
	case OpTake:
		s.state = op.State
		if s.refuse() {
			return
		}
		outbox, err := decodeOutbox(op.Outbox)
		if err != nil {
			s.halt(unreadable("the outbox", err))
			return
		}
		s.outbox = outbox
		s.phase = phaseBounds
	case OpBounds:
		s.take.bounds = op.Bounds
		s.compareBounds()
	case OpRecord:
		s.compareRecord(op)
	case OpChanges:
		s.scanned(op)
	case OpLoad:
		s.loaded(op)
		s.judge()
	case OpCommit:
		s.remembered()
	}
}

// offsets are the stored ones of all inputs; never an empty map, which would
// check nothing.
func (s *Shard) offsets() map[string]int64 {
	offsets := make(map[string]int64, len(s.state.Topics))
	for i := range s.state.Topics {
		offsets[s.state.Topics[i].Name] = s.state.Topics[i].Next
	}
	return offsets
}

// refuse stops before anything is written where the state was made by other
// rules than ours.
func (s *Shard) refuse() bool {
	ours := s.cfg.Policy.Version()
	switch {
	case s.state.Policy != "" && s.state.Policy != ours && !planted.PolicyIgnored.On():
		s.halt(otherPolicy(s.state.Policy, ours))
	case s.state.Partitions != 0 && s.state.Partitions != s.cfg.Partitions:
		s.halt(otherPartitions(s.state.Partitions, s.cfg.Partitions))
	}
	s.state.Policy, s.state.Partitions = ours, s.cfg.Partitions
	return s.stop != nil
}

// compareBounds compares the stored offsets with the logs' ends, and makes the
// beginning of a namespace.
func (s *Shard) compareBounds() {
	for i := range s.state.Topics {
		t := &s.state.Topics[i]
		b := s.take.bounds[t.Name]
		if t.Next > b.End {
			s.halt(short(t.Name, t.Next, b.End))
			return
		}
		if t.Next < b.Start {
			if !s.cfg.AcceptTruncated && !planted.TruncationSkipped.On() {
				s.halt(truncated(t.Name, t.Next, b.Start))
				return
			}
			t.Next = b.Start
			s.open.moved = true
		}
	}
	if s.state.Start == nil {
		s.state.Start = &store.Start{Publish: s.cfg.Publish, Ends: map[string]int64{}}
		for i := range s.state.Topics {
			name := s.state.Topics[i].Name
			s.state.Start.Ends[name] = s.take.bounds[name].End
		}
		s.open.moved = true
	}
	s.phase, s.take.record, s.take.leader, s.take.seen = phaseRecord, -1, map[string]int32{}, s.tick
	s.nextRecord()
}

// nextRecord goes on to the next input of which a record was consumed that the
// log may still have.
func (s *Shard) nextRecord() {
	s.take.looked = 0
	for s.take.record++; s.take.record < len(s.state.Topics); s.take.record++ {
		t := &s.state.Topics[s.take.record]
		if t.Last >= 0 && t.Last >= s.take.bounds[t.Name].Start {
			return
		}
	}
	s.compareChanges()
}

// compareRecord compares the last record consumed with what the log holds there
// now, and what is behind it. It is asked for only where the log begins before it.
func (s *Shard) compareRecord(op *Op) {
	t := &s.state.Topics[s.take.record]
	if op.Offset == t.Last {
		if !s.same(op, t.Name, t.Checksum) {
			return
		}
		s.take.leader[t.Name] = recordbatch.LeaderEpoch(op.Fetched.Raw)
	}
	nothing, looked := s.nothingBetween(op, t, t.Next)
	s.take.looked = looked
	if nothing {
		s.nextRecord()
	}
}

// nothingBetween reports that the log has no record behind the last one consumed
// and before the offset to read on from, where there was the end of a transaction,
// one rolled back, or a gap. A log that lost such an end, and was written on, is
// another one: the shard stops. Where the answer does not reach that far, looked
// is the offset to ask for next, and else 0.
func (s *Shard) nothingBetween(op *Op, t *store.Topic, next int64) (nothing bool, looked int64) {
	var reader recordbatch.Reader
	var record recordbatch.Record
	reader.Reset(op.Fetched.Raw, op.Offset, op.Fetched.Aborted)
	ok, err := reader.Next(&record)
	if ok && record.Offset == t.Last {
		ok, err = reader.Next(&record)
	}
	switch {
	case ok && record.Offset < next:
		s.halt(filled(t.Name, record.Offset))
		return false, 0
	case ok || reader.Position() >= next:
		return true, 0
	case reader.Position() > op.Offset:
		return false, reader.Position()
	case err != nil:
		s.lose("unreadable batch")
		return false, 0
	case min(op.Fetched.HighWatermark, op.Fetched.LastStable) < next:
		s.lose("record not readable yet")
		return false, 0
	default:
		return true, 0
	}
}

// same reports that the record asked for is the one of that checksum; else the
// shard begins anew or stops. Another record, or none, is another log.
func (s *Shard) same(op *Op, topic string, sum uint64) bool {
	var reader recordbatch.Reader
	var record recordbatch.Record
	reader.Reset(op.Fetched.Raw, op.Offset, op.Fetched.Aborted)
	ok, err := reader.Next(&record)
	switch {
	case err != nil:
		s.lose("unreadable batch")
	case !ok && min(op.Fetched.HighWatermark, op.Fetched.LastStable) <= op.Offset:
		s.lose("record not readable yet") // a new leader does not know yet how far its followers are
	case !ok || record.Offset != op.Offset || checksum(&record) != sum && !planted.ChecksumIgnored.On():
		s.halt(replaced(topic, op.Offset))
	default:
		return true
	}
	return false
}

// compareChanges compares what Kafka acknowledged with the changes topic.
func (s *Shard) compareChanges() {
	b := s.take.bounds[changesTopic]
	switch pub := s.state.Pub; {
	case pub < b.Start && !s.cfg.AcceptTruncated:
		s.halt(changesTruncated(s.cfg.Changes, pub, b.Start))
		return
	case pub > b.End && !s.cfg.AcceptTruncated:
		s.halt(changesShort(s.cfg.Changes, pub, b.End))
		return
	}
	s.take.scan = newScan(min(max(s.state.Pub, b.Start), b.End), b.End)
	s.phase = phaseScan
	if planted.ChangesForgotten.On() || s.epoch == 1 && planted.AdoptSkippedAtStart.On() {
		s.live()
	}
}

// live begins to read the inputs where the state stands.
func (s *Shard) live() {
	s.phase = phaseLive
	if s.state.Clock != instant.None && planted.ClockForgotten.On() {
		s.state.Clock = instant.None
	}
	if s.lanes == nil {
		s.lanes = make([]lane, len(s.state.Topics))
	}
	for i := range s.lanes {
		t := &s.state.Topics[i]
		s.lanes[i].topic = t.Name
		if s.lanes[i].ask == 0 || !planted.NoRewind.On() {
			s.lanes[i].rewind(t.Next, s.replayEnd(t.Name), mutateGreatest(t.Greatest), s.take.seen)
			if epoch, ok := s.take.leader[t.Name]; ok {
				s.lanes[i].leader = epoch
			}
		}
	}
	s.take = takeOver{}
	s.nextTimer = math.MinInt64
	s.idleSince, s.liveSince = s.tick, s.tick
	if s.cfg.Durable {
		s.outbox.stored, s.undurable = 0, s.outbox.end()
	}
	s.mutateLive()
	s.endSilence()
}
