package repartition

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

const (
	sessionTimeout    = 10 * time.Second
	heartbeatInterval = time.Second
	rebalanceTimeout  = 15 * time.Second // more than a batch takes to come to rest
	joinBackoff       = 500 * time.Millisecond
	quietJoins        = 10 // failures in a row that a group's first start is excused

	// Both together are the 5 seconds in which a service has to be gone.
	restTimeout  = 3 * time.Second
	leaveTimeout = 2 * time.Second
)

// Letters keeps rejected records. *deadletter.Writer is one.
type Letters interface {
	Write(ctx context.Context, letters []deadletter.Letter) error
}

// Options say what is forwarded, and where to.
type Options struct {
	Client  *source.Client // opened for From and To
	Sink    sink.Log
	Letters Letters
	Group   string   // of consumers: what it has committed is not forwarded again
	From    []string // topics
	To      string   // an input
	ToEnd   bool     // end when everything there is of this member's share is forwarded
	Policy  *policy.Policy
	Log     *zap.Logger
}

// Summary counts what was acknowledged.
type Summary struct {
	Forwarded int64 // records written to the input
	Rejected  int64 // records written to the dead letters
}

// Run forwards what comes until ctx ends, or with ToEnd what there is, and then
// brings what it has taken to rest, within 5 seconds. It takes part in the group
// with any number of others; only what one forwards is in the order of time.
// What a server says in passing is waited out; other errors end it, with nothing
// lost.
func Run(ctx context.Context, o Options) (Summary, error) {
	s, err := newStage(ctx, o)
	if err == nil {
		err = s.run(ctx)
	}
	if err != nil {
		err = fmt.Errorf("forwarding to %s: %w", o.To, err)
	}
	return Summary{Forwarded: s.forwarded.Load(), Rejected: s.rejected.Load()}, err
}

// stage is one Run.
type stage struct {
	Options
	sorter              sorter
	told                time.Time // when the log last heard of it
	forwarded, rejected atomic.Int64
}

func newStage(ctx context.Context, o Options) (*stage, error) {
	s := &stage{Options: o, told: time.Now()}
	// The group would have the brokers create a topic that does not exist.
	for _, topic := range o.From {
		if _, err := o.Client.Partitions(ctx, topic); err != nil {
			return s, err
		}
	}
	partitions, err := o.Client.Partitions(ctx, o.To)
	if err != nil {
		return s, err
	}
	decoder, err := event.NewDecoder(o.Policy)
	if err != nil {
		return s, err
	}
	partitioner, err := partition.Parse(o.Policy.Partitioner)
	if err != nil {
		return s, err
	}
	s.sorter = sorter{decoder: decoder, partitioner: partitioner, partitions: partitions}
	return s, nil
}

// run is the life of a member of the group.
func (s *stage) run(ctx context.Context) error {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                    s.Group,
		Brokers:               s.Client.Brokers(),
		Dialer:                s.Client.Dialer(),
		Topics:                s.From,
		GroupBalancers:        []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		HeartbeatInterval:     heartbeatInterval,
		SessionTimeout:        sessionTimeout,
		RebalanceTimeout:      rebalanceTimeout,
		JoinGroupBackoff:      joinBackoff,
		StartOffset:           kafka.FirstOffset,
		WatchPartitionChanges: true,
	})
	if err != nil {
		return fmt.Errorf("joining consumer group %s: %w", s.Group, err)
	}
	defer leave(group)
	for {
		generation, err := s.next(ctx, group)
		if err != nil {
			return err
		}
		if generation == nil {
			return nil
		}
		over := make(chan error, 1)
		generation.Start(func(owned context.Context) { over <- s.forward(ctx, owned, generation) })
		switch err := <-over; {
		case errors.Is(err, errAtEnd):
			return nil
		case err != nil || ctx.Err() != nil:
			return err
		}
	}
}

// next waits until the group has given this member its share; nil when ctx ends.
func (s *stage) next(ctx context.Context, group *kafka.ConsumerGroup) (*kafka.Generation, error) {
	for failures := 1; ; failures++ {
		generation, err := group.Next(ctx)
		switch {
		case err == nil:
			return generation, nil
		case ctx.Err() != nil:
			return nil, nil
		case errors.Is(err, kafka.ErrGroupClosed):
			return nil, fmt.Errorf("joining consumer group %s: %w", s.Group, err)
		case source.Denied(err):
			return nil, fmt.Errorf("joining consumer group %s: %w", s.Group, s.explain(err))
		case failures%quietJoins == 0:
			s.Log.Warn("joining the consumer group; trying again", zap.String("group", s.Group), zap.Error(err))
		}
	}
}

// explain says of an error of the group which right is missing.
func (s *stage) explain(err error) error {
	if errors.Is(err, kafka.GroupAuthorizationFailed) {
		return s.Client.Observe(err, source.OnGroup("Read", s.Group))
	}
	return s.Client.Observe(err)
}

// leave gives the membership up, so that the others get the share at once.
func leave(group *kafka.ConsumerGroup) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = group.Close() // it always returns nil
	}()
	select {
	case <-left:
	case <-time.After(leaveTimeout): // a coordinator that does not answer finds out by itself
	}
}
