package deadletter

import (
	"context"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

// lookahead is how many records are read with the one looked for: those of one
// partition often lie close together.
const lookahead = 256

// finder looks up single records.
type finder struct {
	source    Source
	stretches map[target]*stretch
}

// stretch is a part of a partition's log that has been read.
type stretch struct {
	start, end int64 // of the whole log
	from, to   int64 // of what was read
	records    []recordbatch.Record
}

// find returns the record at an offset, nil where there is none, and where the
// log starts.
func (f *finder) find(ctx context.Context, place target, offset int64) (record *recordbatch.Record, start int64, err error) {
	s := f.stretches[place]
	if s == nil {
		start, end, err := f.source.Bounds(ctx, place.topic, place.partition)
		if err != nil {
			return nil, 0, err
		}
		s = &stretch{start: start, end: end}
		f.stretches[place] = s
	}
	if offset < s.start || offset >= s.end {
		return nil, s.start, nil
	}
	if offset < s.from || offset >= s.to {
		s.from, s.to, s.records = offset, min(offset+lookahead, s.end), nil
		err := f.source.Scan(ctx, place.topic, place.partition, s.from, s.to, func(r *recordbatch.Record) error {
			s.records = append(s.records, *r)
			return nil
		})
		if err != nil {
			return nil, s.start, err
		}
	}
	for i := range s.records {
		if s.records[i].Offset == offset {
			return &s.records[i], s.start, nil
		}
	}
	return nil, s.start, nil
}
