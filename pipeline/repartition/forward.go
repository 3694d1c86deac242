package repartition

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

const (
	fetchBytes     = 8 << 20  // of one fetch
	partitionBytes = 1 << 20  // of one partition in it, at most
	leastBytes     = 64 << 10 // of one partition in it, at least
	heldBytes      = 64 << 20 // of all partitions, fetched and not forwarded
	longPoll       = time.Second
	writeAtOnce    = 8 // partitions
	firstPause     = 100 * time.Millisecond
	longestPause   = 2 * time.Second
	tellEvery      = 10 * time.Second
)

// forward works on one share until ctx ends or the group takes it back. That it
// was taken back, or may have been, is no error.
func (s *stage) forward(ctx, owned context.Context, generation *kafka.Generation) error {
	reading, stop := context.WithCancel(owned)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	lanes, err := s.lanes(reading, generation)
	if err != nil {
		return unlessOver(reading, err)
	}
	s.Log.Info("forwarding", zap.Strings("from", s.From), zap.String("to", s.To), zap.Int("partitions", len(lanes)))
	if len(lanes) == 0 && !s.ToEnd {
		<-reading.Done()
		return nil
	}
	// What was taken may still come to rest when the reading is over.
	working, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(reading, func() { time.AfterFunc(restTimeout, abandon) })()

	for wait := time.Duration(0); reading.Err() == nil; {
		brought, err := s.fetch(reading, lanes, wait)
		if err != nil {
			return unlessOver(reading, err)
		}
		b, err := merge(lanes, &s.sorter)
		if err != nil {
			return err
		}
		if !b.empty() {
			if err := s.write(working, b); err != nil {
				return unlessOver(working, err)
			}
			if err := generation.CommitOffsets(b.next); err != nil {
				return s.uncommitted(err)
			}
			s.tell()
		}
		done := allCaughtUp(lanes)
		if done && s.ToEnd {
			return errAtEnd
		}
		// A broker whose partitions are all caught up must not keep the others waiting.
		wait = 0
		if done || !brought {
			wait = longPoll
		}
	}
	return nil
}

// errAtEnd says that all there is of the share is forwarded.
var errAtEnd = errors.New("at the end")

// tell says now and then how far it is.
func (s *stage) tell() {
	if time.Since(s.told) > tellEvery {
		s.told = time.Now()
		s.Log.Info("forwarded so far", zap.Int64("records", s.forwarded.Load()), zap.Int64("dead_letters", s.rejected.Load()))
	}
}

// unlessOver is the error, unless the context is over: then it is its doing.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// uncommitted judges the error of a commit. One that the group gives in passing
// means that the share is over: whoever gets it next repeats what was forwarded.
// Another one would repeat it for ever.
func (s *stage) uncommitted(err error) error {
	var code kafka.Error
	if errors.As(err, &code) {
		switch code {
		case kafka.RebalanceInProgress, kafka.IllegalGeneration, kafka.UnknownMemberId,
			kafka.NotCoordinatorForGroup, kafka.GroupCoordinatorNotAvailable, kafka.GroupLoadInProgress:
		default:
			if !source.Temporary(err) {
				return fmt.Errorf("committing offsets to group %s: %w", s.Group, s.explain(err))
			}
		}
	}
	s.Log.Warn("committing offsets; what was forwarded since the last time is forwarded again", zap.Error(err))
	return nil
}

// lanes are the partitions of the share, each where it begins.
func (s *stage) lanes(ctx context.Context, generation *kafka.Generation) ([]*lane, error) {
	var all []*lane
	for _, topic := range s.From {
		for _, p := range generation.Assignments[topic] {
			offset := p.Offset
			if offset < 0 { // the group has committed nothing
				start, _, err := s.Client.Bounds(ctx, topic, int32(p.ID))
				if err != nil {
					return nil, err
				}
				offset = start
			}
			all = append(all, newLane(topic, int32(p.ID), offset))
		}
	}
	for _, l := range all {
		l.at.MaxBytes = int32(min(max(heldBytes/len(all), leastBytes), partitionBytes))
	}
	return all, nil
}

// fetch fetches once for the lanes that have nothing to take, and says whether
// that brought anything. A partition that cannot be read in passing is left for
// the next time.
func (s *stage) fetch(ctx context.Context, lanes []*lane, wait time.Duration) (brought bool, err error) {
	var asked []*lane
	var positions []source.Position
	for _, l := range lanes {
		if !l.ready {
			asked, positions = append(asked, l), append(positions, l.at)
		}
	}
	answers, err := s.Client.Fetch(ctx, positions, wait, fetchBytes)
	if err != nil {
		return false, s.passing(ctx, err)
	}
	var missed error
	for i := range answers {
		a := &answers[i]
		switch {
		case source.OutOfRange(a.Err):
			return false, fmt.Errorf("%s/%d does not have offset %d, up to which it was forwarded: retention has deleted what was not, or the topic is another one; "+
				"to go on with what there is, move the offset of group %s with kafka-consumer-groups.sh --reset-offsets: %w", a.Topic, a.Partition, a.Offset, s.Group, a.Err)
		case a.Err != nil:
			if !source.Temporary(a.Err) {
				return false, a.Err
			}
			missed = a.Err
		default:
			l := asked[slices.IndexFunc(asked, func(l *lane) bool { return l.at.Partition == a.Partition && l.at.Topic == a.Topic })]
			if err := l.fill(a, &s.sorter); err != nil {
				return false, err
			}
			brought = brought || len(a.Raw) > 0
		}
	}
	if missed != nil {
		return brought, s.passing(ctx, missed)
	}
	return brought, nil
}

// passing waits a little after an error that passes; another one it returns.
// Everything may wait for the partition that does not answer, so it says so.
func (s *stage) passing(ctx context.Context, err error) error {
	if !source.Temporary(err) {
		return err
	}
	if time.Since(s.told) > tellEvery {
		s.told = time.Now()
		s.Log.Warn("reading; trying again, and what is later waits for it", zap.Error(err))
	}
	return source.Pause(ctx, firstPause)
}

// write returns when everything of the batch is acknowledged.
func (s *stage) write(ctx context.Context, b *batch) error {
	writing, ctx := errgroup.WithContext(ctx)
	writing.SetLimit(writeAtOnce)
	for number, records := range b.records {
		if len(records) == 0 {
			continue
		}
		writing.Go(func() error {
			return s.retry(ctx, func() error {
				n, err := sink.Send(ctx, s.Sink, s.To, int32(number), records)
				s.forwarded.Add(int64(n))
				records = records[n:]
				if sink.TooLarge(err) {
					return fmt.Errorf("raise max.message.bytes of %s to that of the topics forwarded, and 1 KiB more: %w", s.To, err)
				}
				return err
			})
		})
	}
	if len(b.letters) > 0 {
		writing.Go(func() error {
			err := s.retry(ctx, func() error { return s.Letters.Write(ctx, b.letters) })
			if err == nil {
				s.rejected.Add(int64(len(b.letters)))
			}
			return err
		})
	}
	return writing.Wait()
}

// retry calls write until it succeeds or fails with an error that does not pass.
func (s *stage) retry(ctx context.Context, write func() error) error {
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		err := write()
		if err == nil || ctx.Err() != nil || !source.Temporary(err) {
			return err
		}
		if wait == longestPause {
			s.Log.Warn("writing; trying again", zap.Error(err))
		}
		if err := source.Pause(ctx, wait); err != nil {
			return err
		}
	}
}
