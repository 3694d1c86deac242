package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/source"
)

// How a member takes part in its group. A rebalance is noticed at the next
// heartbeat, and while it lasts every shard of every worker rests.
const (
	heartbeatInterval = time.Second
	joinBackoff       = 500 * time.Millisecond
	leaveTimeout      = 3 * time.Second
	quietJoins        = 10 // failures in a row that a group's first start is excused
)

// DefaultSessionTimeout is how long a worker that died keeps its shards.
const DefaultSessionTimeout = 10 * time.Second

// GroupConfig says which group shares the shards out.
type GroupConfig struct {
	ID             string
	Inputs         []string // topics
	Partitions     int32    // shards there are; what the inputs have beyond them is nobody's
	SessionTimeout time.Duration
	Log            *zap.Logger
}

// ConsumerGroup is this worker's membership of Kafka's consumer group of the
// namespace, which decides who owns which shards.
type ConsumerGroup struct {
	config GroupConfig
	client *source.Client
	group  *kafka.ConsumerGroup
	left   sync.Once
}

// JoinGroup begins to take part in the group. That it cannot shows in Next.
func JoinGroup(config GroupConfig, client *source.Client) (*ConsumerGroup, error) {
	if config.SessionTimeout == 0 {
		config.SessionTimeout = DefaultSessionTimeout
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                groupID(config.ID),
		Brokers:           client.Brokers(),
		Dialer:            client.Dialer(),
		Topics:            config.Inputs,
		GroupBalancers:    []kafka.GroupBalancer{balancer{inputs: config.Inputs, partitions: int(config.Partitions)}},
		HeartbeatInterval: min(heartbeatInterval, config.SessionTimeout/3),
		SessionTimeout:    config.SessionTimeout,
		RebalanceTimeout:  RebalanceTimeout(config.SessionTimeout, heartbeatInterval, DrainTimeout+giveUp),
		JoinGroupBackoff:  joinBackoff,
	})
	if err != nil {
		return nil, fmt.Errorf("joining consumer group %s: %w", config.ID, err)
	}
	return &ConsumerGroup{config: config, client: client, group: group}, nil
}

// balancer is kafka-go's range balancer over the shards that the namespace has:
// the partitions of one number go to one worker, in all topics.
type balancer struct {
	kafka.RangeGroupBalancer
	inputs     []string
	partitions int
}

// AssignGroups deals out the shards. What the metadata has is not asked: one topic
// may have grown since, or be unknown to a broker for a moment.
func (b balancer) AssignGroups(members []kafka.GroupMember, _ []kafka.Partition) kafka.GroupMemberAssignments {
	var shards []kafka.Partition
	for _, topic := range b.inputs {
		for i := range b.partitions {
			shards = append(shards, kafka.Partition{Topic: topic, ID: i})
		}
	}
	return b.RangeGroupBalancer.AssignGroups(members, shards)
}

// Next waits until the group has given this worker its share, for as long as it
// takes; only the end of ctx or of the membership is an error.
func (g *ConsumerGroup) Next(ctx context.Context) (*Share, error) {
	for failures := 0; ; failures++ {
		generation, err := g.group.Next(ctx)
		switch {
		case err == nil:
			if failures > quietJoins {
				g.config.Log.Info("joined the consumer group", zap.Int("failures", failures))
			}
			return g.share(generation), nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, kafka.ErrGroupClosed):
			return nil, fmt.Errorf("joining consumer group %s: %w", g.config.ID, err)
		case failures%(6*quietJoins) == quietJoins || (failures == 0 && !starting(err)):
			g.config.Log.Warn("joining the consumer group; trying again", zap.String("group", g.config.ID), zap.Error(g.client.Observe(err, g.need(err))))
		}
	}
}

// need is the right whose lack an error of the group is about: a member may read
// the group, and each topic of which it tells offsets.
func (g *ConsumerGroup) need(err error) source.Right {
	if errors.Is(err, kafka.TopicAuthorizationFailed) {
		return source.OnTopic("Read", strings.Join(g.config.Inputs, " --topic "))
	}
	return source.OnGroup("Read", g.config.ID)
}

// starting reports an error that a group's coordinator gives while it or the
// group begins, and which passes within seconds.
func starting(err error) bool {
	for _, passing := range []kafka.Error{kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
		kafka.GroupLoadInProgress, kafka.RebalanceInProgress, kafka.UnknownMemberId} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// share is what a generation of the group gives to this member. The function
// that is started stands for the shards' work: the group goes on to the next
// generation only when it has returned.
func (g *ConsumerGroup) share(generation *kafka.Generation) *Share {
	over, released := make(chan struct{}), make(chan struct{})
	l := NewLease(g.config.SessionTimeout, time.Now)
	s := &Share{Group: committer{generation, g, l}, Over: over, Release: sync.OnceFunc(func() {
		l.End()
		close(released)
	})}
	for _, p := range generation.Assignments[g.config.Inputs[0]] {
		s.Shards = append(s.Shards, int32(p.ID))
	}
	slices.Sort(s.Shards)
	generation.Start(func(ctx context.Context) {
		<-ctx.Done()
		close(over)
		<-released
	})
	return s
}

// Leave gives the membership up, so that the others get its share at once and
// not after the session time-out. The shards must be at rest.
func (g *ConsumerGroup) Leave() {
	g.left.Do(func() {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_ = g.group.Close() // it always returns nil
		}()
		select {
		case <-closed:
		case <-time.After(leaveTimeout): // a coordinator that does not answer finds out by itself
		}
	})
}

// committer commits offsets as a member of one generation: whoever is not in it
// any more is told so.
type committer struct {
	generation *kafka.Generation
	group      *ConsumerGroup
	lease      *Lease // of all shards of the share: they are lost together
}

func (c committer) Holds() bool { return c.lease.Holds() }

// Commit commits the next offsets of one shard. kafka-go would wait for a
// coordinator that does not answer, whatever ctx says.
func (c committer) Commit(ctx context.Context, shard int32, offsets map[string]int64) error {
	all := make(map[string]map[int]int64, len(offsets))
	for topic, offset := range offsets {
		all[topic] = map[int]int64{int(shard): offset}
	}
	asked, answered := time.Now(), make(chan error, 1)
	go func() { answered <- c.generation.CommitOffsets(all) }()
	var err error
	select {
	case err = <-answered:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("committing offsets of shard %d to the group: %w", shard, c.group.client.Observe(err, c.group.need(err)))
	}
	c.lease.Confirmed(asked)
	return nil
}
