package repartition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

const (
	fetchBytes     = 8 << 20 // of one fetch
	partitionBytes = 1 << 20 // of one partition in it
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
	positions, err := s.positions(reading, generation)
	if err != nil {
		return unlessOver(reading, err)
	}
	s.Log.Info("forwarding", zap.Strings("from", s.From), zap.String("to", s.To), zap.Int("partitions", len(positions)))
	if len(positions) == 0 {
		<-reading.Done()
		return nil
	}
	// What was taken may still come to rest when the reading is over.
	working, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(reading, func() { time.AfterFunc(restTimeout, abandon) })()

	for told := time.Now(); reading.Err() == nil; {
		b, err := s.read(reading, positions)
		if err != nil {
			return unlessOver(reading, err)
		}
		if b.empty() {
			continue
		}
		if err := s.write(working, b); err != nil {
			return unlessOver(working, err)
		}
		if err := generation.CommitOffsets(b.next); err != nil {
			return s.uncommitted(err)
		}
		b.move(positions)
		if time.Since(told) > tellEvery {
			told = time.Now()
			s.Log.Info("forwarded so far", zap.Int64("records", s.forwarded.Load()), zap.Int64("dead_letters", s.rejected.Load()))
		}
	}
	return nil
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
				return fmt.Errorf("committing offsets to group %s: %w", s.Group, err)
			}
		}
	}
	s.Log.Warn("committing offsets; what was forwarded since the last time is forwarded again", zap.Error(err))
	return nil
}

// positions are where the share begins.
func (s *stage) positions(ctx context.Context, generation *kafka.Generation) ([]source.Position, error) {
	var all []source.Position
	for _, topic := range s.From {
		for _, p := range generation.Assignments[topic] {
			at := source.Position{Topic: topic, Partition: int32(p.ID), Offset: p.Offset, MaxBytes: partitionBytes}
			if at.Offset < 0 { // the group has committed nothing
				start, _, err := s.Client.Bounds(ctx, topic, at.Partition)
				if err != nil {
					return nil, err
				}
				at.Offset = start
			}
			all = append(all, at)
		}
	}
	return all, nil
}

// read fetches once and sorts what came. A partition that cannot be read in
// passing is left for the next time.
func (s *stage) read(ctx context.Context, positions []source.Position) (*batch, error) {
	answers, err := s.Client.Fetch(ctx, positions, longPoll, fetchBytes)
	b := newBatch(s.sorter.partitions)
	if err != nil {
		return b, passing(ctx, err)
	}
	for i := range answers {
		a := &answers[i]
		switch {
		case source.OutOfRange(a.Err):
			return b, fmt.Errorf("%s/%d does not have offset %d, up to which it was forwarded: retention has deleted what was not, or the topic is another one; "+
				"to go on with what there is, move the offset of group %s with kafka-consumer-groups.sh --reset-offsets: %w", a.Topic, a.Partition, a.Offset, s.Group, a.Err)
		case a.Err != nil:
			if err := passing(ctx, a.Err); err != nil {
				return b, err
			}
		default:
			if err := s.sorter.sort(b, a, time.Now().UnixMilli()); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

// passing waits a little after an error that passes; another one it returns.
func passing(ctx context.Context, err error) error {
	if !source.Temporary(err) {
		return err
	}
	return pause(ctx, firstPause)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}
