package repartition

import (
	"fmt"
	"math"
	"slices"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

// lane is one partition on its way: what was fetched of it and not yet taken.
type lane struct {
	at     source.Position // Offset is that of the head or, without one, where to read on
	end    int64           // up to which the last answer said that there are records to have
	reader recordbatch.Reader
	head   judged
	ready  bool // there is a head

	committed int64 // Offset as of the last batch
}

func newLane(topic string, partition int32, offset int64) *lane {
	return &lane{at: source.Position{Topic: topic, Partition: partition, Offset: offset}, end: math.MaxInt64, committed: offset}
}

// fill goes on with what was fetched from where the lane is; it keeps slices of it.
func (l *lane) fill(f *source.Fetched, s *sorter) error {
	l.reader.Reset(f.Raw, f.Offset, f.Aborted)
	l.end = f.LastStable
	return l.advance(s)
}

// advance reads the next head, if there is another one.
func (l *lane) advance(s *sorter) error {
	var record recordbatch.Record
	ok, err := l.reader.Next(&record)
	if err != nil {
		return fmt.Errorf("reading %s/%d: %w", l.at.Topic, l.at.Partition, err)
	}
	l.ready, l.at.Offset = ok, l.reader.Position()
	if ok {
		l.head, l.at.Offset = s.judge(l.at.Topic, l.at.Partition, &record), record.Offset
	}
	return nil
}

// caughtUp says that everything there was at the last answer is taken. It is
// false before the first one.
func (l *lane) caughtUp() bool { return !l.ready && l.at.Offset >= l.end }

func allCaughtUp(lanes []*lane) bool {
	return !slices.ContainsFunc(lanes, func(l *lane) bool { return !l.caughtUp() })
}

// merge takes records in the order of their event times, as far as it is known:
// until a lane that is not caught up has nothing fetched, which may be earlier.
// The input judges what is too late by the latest event of a partition, so a
// sparse topic must not run years ahead of a dense one. In this order no event
// comes too late in the input that did not in its own partition.
func merge(lanes []*lane, s *sorter) (*batch, error) {
	b := newBatch(s.partitions)
	for {
		first := earliest(lanes)
		if first == nil {
			break
		}
		b.take(&first.head)
		if err := first.advance(s); err != nil {
			return nil, err
		}
	}
	for _, l := range lanes {
		b.commit(l)
	}
	return b, nil
}

// earliest is the lane with the earliest head; nil as long as that is not known.
func earliest(lanes []*lane) (first *lane) {
	for _, l := range lanes {
		switch {
		case l.caughtUp():
		case !l.ready:
			return nil
		case first == nil || l.head.time < first.head.time:
			first = l
		}
	}
	return first
}
