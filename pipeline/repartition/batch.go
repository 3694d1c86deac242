package repartition

import (
	"math"
	"time"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
)

// batch is what is written at once, by where it goes.
type batch struct {
	records [][]sink.Record // by partition of the input
	letters []deadletter.Letter
	next    map[string]map[int]int64 // offsets to commit, by topic and partition
	now     int64                    // unix ms
}

func newBatch(partitions int32) *batch {
	return &batch{records: make([][]sink.Record, partitions), next: map[string]map[int]int64{}, now: time.Now().UnixMilli()}
}

// empty says whether there is nothing to commit.
func (b *batch) empty() bool { return len(b.next) == 0 }

// take adds a record.
func (b *batch) take(j *judged) {
	if j.letter != nil {
		j.letter.RejectedAt = b.now
		b.letters = append(b.letters, *j.letter)
		return
	}
	j.record.Time = b.now
	b.records[j.number] = append(b.records[j.number], j.record)
}

// commit has the offset of the lane committed with the batch, if it has moved.
func (b *batch) commit(l *lane) {
	if l.at.Offset == l.committed {
		return
	}
	l.committed = l.at.Offset
	if b.next[l.at.Topic] == nil {
		b.next[l.at.Topic] = map[int]int64{}
	}
	b.next[l.at.Topic][int(l.at.Partition)] = l.at.Offset
}

// judged is a record with where it goes, and when it happened.
type judged struct {
	time   int64 // of the event, unix ms; math.MinInt64 if it will move no clock
	number int32 // of the partition of the input
	record sink.Record
	letter *deadletter.Letter // in place of the record
}

// sorter decides where records go. It is not safe for concurrent use.
type sorter struct {
	decoder     *event.Decoder
	partitioner partition.Partitioner
	partitions  int32 // of the input
	event       event.Event
}

// judge finds out where a record goes. One that tells its customer goes to
// him, whatever else may be wrong with it: that is for the worker to say, whose
// dead letters can be retried. One that does not goes to the dead letters, with
// the reason that the worker would give.
func (s *sorter) judge(topic string, number int32, r *recordbatch.Record) judged {
	at := source.Timestamp(r)
	s.event = event.Event{} // some reasons come before it is written to
	reason := s.decoder.Decode(r.Value, event.Record{Timestamp: inInput(at), Latest: instant.None}, &s.event)
	if s.event.Customer == "" {
		return judged{time: math.MinInt64, letter: &deadletter.Letter{Topic: topic, Partition: number, Offset: r.Offset,
			Reason: reason.String(), Key: r.Key, Value: r.Value, Headers: r.AppendHeaders(nil)}}
	}
	j := judged{time: math.MinInt64, number: s.partitioner.Partition(s.event.Customer, s.partitions), record: sink.Record{
		Key: []byte(s.event.Customer), Value: r.Value, Headers: source.WithTimestamp(r.AppendHeaders(nil), at)}}
	if reason == event.OK {
		j.time = s.event.Time
	}
	return j
}

// inInput is the time that a record will have in the input: its own, or that of
// the writing where it has none or an impossible one.
func inInput(at int64) int64 {
	if now := time.Now().UnixMilli(); at < 0 || at > now {
		return now
	}
	return at
}
