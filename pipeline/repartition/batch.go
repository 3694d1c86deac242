package repartition

import (
	"fmt"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
)

// batch is what one fetch brought, by where it goes.
type batch struct {
	records [][]sink.Record // by partition of the input
	letters []deadletter.Letter
	next    map[string]map[int]int64 // offsets to commit, by topic and partition
}

func newBatch(partitions int32) *batch {
	return &batch{records: make([][]sink.Record, partitions), next: map[string]map[int]int64{}}
}

// empty says whether there is nothing to commit.
func (b *batch) empty() bool { return len(b.next) == 0 }

// move puts the positions behind the batch.
func (b *batch) move(positions []source.Position) {
	for i := range positions {
		if next, ok := b.next[positions[i].Topic][int(positions[i].Partition)]; ok {
			positions[i].Offset = next
		}
	}
}

// sorter decides where records go. It is not safe for concurrent use.
type sorter struct {
	decoder     *event.Decoder
	partitioner partition.Partitioner
	partitions  int32 // of the input
	event       event.Event
}

// sort adds what was fetched of one partition to the batch, which keeps slices
// of it. now is the time of rejections, unix ms.
func (s *sorter) sort(b *batch, f *source.Fetched, now int64) error {
	var reader recordbatch.Reader
	for reader.Reset(f.Raw, f.Offset, f.Aborted); ; {
		var record recordbatch.Record
		ok, err := reader.Next(&record)
		if err != nil {
			return fmt.Errorf("reading %s/%d: %w", f.Topic, f.Partition, err)
		}
		if !ok {
			break
		}
		s.place(b, f, &record, now)
	}
	if next := reader.Position(); next > f.Offset {
		if b.next[f.Topic] == nil {
			b.next[f.Topic] = map[int]int64{}
		}
		b.next[f.Topic][int(f.Partition)] = next
	}
	return nil
}

// place puts one record where it goes. A record that tells its customer goes to
// him, whatever else may be wrong with it: that is for the worker to say, whose
// dead letters can be retried. One that does not goes to the dead letters, with
// the reason that the worker would give.
func (s *sorter) place(b *batch, f *source.Fetched, r *recordbatch.Record, now int64) {
	at := source.Timestamp(r)
	s.event = event.Event{} // some reasons come before it is written to
	reason := s.decoder.Decode(r.Value, event.Record{Timestamp: at, Latest: instant.None}, &s.event)
	if s.event.Customer == "" {
		b.letters = append(b.letters, deadletter.Letter{Topic: f.Topic, Partition: f.Partition, Offset: r.Offset,
			Reason: reason.String(), RejectedAt: now, Key: r.Key, Value: r.Value, Headers: r.AppendHeaders(nil)})
		return
	}
	number := s.partitioner.Partition(s.event.Customer, s.partitions)
	b.records[number] = append(b.records[number], sink.Record{Key: []byte(s.event.Customer), Value: r.Value,
		Headers: source.WithTimestamp(r.AppendHeaders(nil), at), Time: now})
}
