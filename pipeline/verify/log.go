package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

// fetchBytes is how much of a partition is read at once.
const fetchBytes = 2 << 20

// fetchWait is how long a broker may wait for records that are known to be there.
const fetchWait = time.Second

// log reads one partition from its beginning to an end.
type log struct {
	client    *source.Client
	topic     string
	partition int32
	start     int64 // its first offset
	end       int64 // where to stop; at first behind its last record

	at     int64 // next fetch
	reader recordbatch.Reader
}

// open finds the bounds of the shard's partition of a topic.
func (s *shard) open(ctx context.Context, topic string) (*log, error) {
	start, end, err := s.v.client.Bounds(ctx, topic, s.number)
	if err != nil {
		return nil, err
	}
	return &log{client: s.v.client, topic: topic, partition: s.number, start: start, end: end, at: start}, nil
}

// next reads the next record before the end. What its slices point to stays as
// it is.
func (l *log) next(ctx context.Context, record *recordbatch.Record) (bool, error) {
	for {
		more, err := l.reader.Next(record)
		if err != nil {
			return false, fmt.Errorf("reading %s/%d: %w", l.topic, l.partition, err)
		}
		if more {
			return record.Offset < l.end, nil
		}
		l.at = max(l.at, l.reader.Position())
		if l.at >= l.end {
			return false, nil
		}
		if err := l.fetch(ctx); err != nil {
			return false, fmt.Errorf("reading %s/%d: %w", l.topic, l.partition, err)
		}
	}
}

// fetch reads on. An answer without a record may still move over control
// records; one that moves nowhere is asked for again a few times, as an answer
// may have been lost.
func (l *log) fetch(ctx context.Context) error {
	const attempts = 5
	var last error
	for range attempts {
		answers, err := l.client.Fetch(ctx, []source.Position{{Topic: l.topic, Partition: l.partition, Offset: l.at, MaxBytes: fetchBytes}}, fetchWait, fetchBytes)
		if err != nil {
			return err
		}
		if len(answers) == 0 {
			continue
		}
		if last = answers[0].Err; last != nil {
			if !source.Temporary(last) {
				return last
			}
			continue
		}
		if len(answers[0].Raw) > 0 {
			l.reader.Reset(answers[0].Raw, l.at, answers[0].Aborted)
			return nil
		}
	}
	if last != nil {
		return last
	}
	return fmt.Errorf("nothing comes at offset %d, below the end at %d: is a transaction open?", l.at, l.end)
}
