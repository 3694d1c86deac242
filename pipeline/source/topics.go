package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Partitions returns how many partitions a topic has.
func (c *Client) Partitions(ctx context.Context, topic string) (int32, error) {
	topics, err := c.topics(ctx, []string{topic})
	if err == nil {
		err = c.topicError(&topics[0])
	}
	if err != nil {
		return 0, fmt.Errorf("counting the partitions of %s: %w", topic, c.Observe(err, OnTopic("Describe", topic)))
	}
	return int32(len(topics[0].Partitions)), nil
}

// NoLeader stands for the leader of a partition that has none, as far as the
// client knows.
const NoLeader = -1

// Leaders returns which broker leads the partition of each position, as far as
// the client knows: Fetch asks those.
func (c *Client) Leaders(ctx context.Context, at []Position) ([]int32, error) {
	names := make([]string, 0, 4)
	for i := range at {
		if !slices.Contains(names, at[i].Topic) {
			names = append(names, at[i].Topic)
		}
	}
	topics, err := c.topics(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("finding leaders: %w", err)
	}
	leaders := make([]int32, len(at))
	for i := range at {
		t := slices.IndexFunc(topics, func(t metadata.ResponseTopic) bool { return t.Name == at[i].Topic })
		if leaders[i], err = c.leader(&topics[t], at[i].Partition); err != nil {
			leaders[i] = NoLeader // Fetch says why
		}
	}
	return leaders, nil
}

// Bounds returns the partition's log start offset and its high watermark: the
// offsets of the first record that it still has, and of the next one that it
// will get.
func (c *Client) Bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	start, end, err = c.bounds(ctx, topic, partition)
	if err != nil {
		return 0, 0, fmt.Errorf("asking for the bounds of %s/%d: %w", topic, partition, c.Observe(err, OnTopic("Describe", topic)))
	}
	return start, end, nil
}

// Kafka's names for the ends of a log, in place of a timestamp.
const (
	latest   = -1
	earliest = -2
)

func (c *Client) bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	topics, err := c.topics(ctx, []string{topic})
	if err != nil {
		return 0, 0, err
	}
	if _, err := c.leader(&topics[0], partition); err != nil {
		return 0, 0, err
	}
	// kafka-go makes one request of each entry. Reading uncommitted, the end is the high watermark.
	res, err := c.RoundTrip(ctx, &listoffsets.Request{ReplicaID: -1, Topics: []listoffsets.RequestTopic{{
		Topic: topic,
		Partitions: []listoffsets.RequestPartition{
			{Partition: partition, CurrentLeaderEpoch: -1, Timestamp: earliest},
			{Partition: partition, CurrentLeaderEpoch: -1, Timestamp: latest},
		},
	}}}, 0)
	if err != nil {
		return 0, 0, err
	}
	found := 0
	for _, t := range res.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			switch {
			case p.ErrorCode != 0:
				return 0, 0, kafka.Error(p.ErrorCode)
			case p.Timestamp == earliest:
				start = p.Offset
			case p.Timestamp == latest:
				end = p.Offset
			}
			found++
		}
	}
	if found != 2 {
		return 0, 0, fmt.Errorf("%d offsets in the answer where 2 were asked for: %w", found, kafka.Unknown)
	}
	return start, end, nil
}

// topics returns the metadata of the named topics in their order, from
// kafka-go's copy. A topic that the cluster does not know has an error code.
func (c *Client) topics(ctx context.Context, names []string) ([]metadata.ResponseTopic, error) {
	for _, name := range names {
		if !slices.Contains(c.cfg.Topics, name) {
			return nil, fmt.Errorf("topic %q is not among those the client was opened for: %s", name, strings.Join(c.cfg.Topics, ", "))
		}
	}
	res, err := c.RoundTrip(ctx, &metadata.Request{TopicNames: names}, 0)
	if err != nil {
		if over(ctx) == nil && c.life.Err() == nil {
			// kafka-go keeps the error of its last attempt until the next one, seconds later.
			c.refresh()
		}
		return nil, fmt.Errorf("asking %s for its topics: %w", c.addr, hungUp(err))
	}
	return res.(*metadata.Response).Topics, nil
}

// leader returns the id of the broker that leads a partition.
func (c *Client) leader(t *metadata.ResponseTopic, partition int32) (int32, error) {
	if err := c.topicError(t); err != nil {
		return 0, err
	}
	if partition < 0 || int(partition) >= len(t.Partitions) {
		return 0, fmt.Errorf("topic %s has %d partitions: %w", t.Name, len(t.Partitions), kafka.UnknownTopicOrPartition)
	}
	// kafka-go sorts the partitions, and Kafka numbers them from 0 without gaps.
	p := &t.Partitions[partition]
	if p.LeaderID < 0 {
		return 0, kafka.LeaderNotAvailable
	}
	return p.LeaderID, nil
}

func (c *Client) topicError(t *metadata.ResponseTopic) error {
	switch code := kafka.Error(t.ErrorCode); code {
	case 0:
		return nil
	case kafka.UnknownTopicOrPartition:
		return fmt.Errorf("topic %s does not exist on %s, create it or mend its name: %w", t.Name, c.addr, code)
	default:
		return fmt.Errorf("topic %s: %w", t.Name, code)
	}
}
