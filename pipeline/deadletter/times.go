package deadletter

import (
	"bytes"
	"context"
	"fmt"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

// noTime is the timestamp of a record that has none.
const noTime = -1

// lookahead is how many records are read with the one looked for: letters of one
// partition often lie close together.
const lookahead = 256

// times finds out when letters were first written. A letter does not tell, but
// its record still lies where it was read, unless retention has deleted it.
type times struct {
	source Source
	ranges map[target]*stretch
}

// stretch is a part of an input partition's log that has been read.
type stretch struct {
	start, end int64 // of the whole log
	from, to   int64 // of what was read
	records    []recordbatch.Record
}

// of returns the time of the letter's record: what decoding took for it. Where the
// record is not there any more, it is what the letter itself tells: the time it was
// forwarded with, or when it was rejected, which is not earlier than the record's.
func (t *times) of(ctx context.Context, l *Letter) (int64, error) {
	place := target{l.Topic, l.Partition}
	s := t.ranges[place]
	if s == nil {
		start, end, err := t.source.Bounds(ctx, l.Topic, l.Partition)
		if err != nil {
			return 0, fmt.Errorf("looking for the record of a dead letter: %w", err)
		}
		s = &stretch{start: start, end: end}
		t.ranges[place] = s
	}
	if l.Offset < s.start || l.Offset >= s.end {
		return source.Forwarded(l.RejectedAt, l.Headers), nil
	}
	if l.Offset < s.from || l.Offset >= s.to {
		s.from, s.to, s.records = l.Offset, min(l.Offset+lookahead, s.end), nil
		err := t.source.Scan(ctx, l.Topic, l.Partition, s.from, s.to, func(r *recordbatch.Record) error {
			s.records = append(s.records, *r)
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("looking for the record of a dead letter: %w", err)
		}
	}
	for i := range s.records {
		if r := &s.records[i]; r.Offset == l.Offset && bytes.Equal(r.Key, l.Key) && bytes.Equal(r.Value, l.Value) {
			return source.Timestamp(r), nil
		}
	}
	return source.Forwarded(l.RejectedAt, l.Headers), nil // another log has taken the place of that one
}
