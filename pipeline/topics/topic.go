// Package topics knows how Tidemark wants its topics to be: it describes those
// that a cluster has, tells what is wrong with them, and creates missing ones.
package topics

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/tidemark/tidemark/pipeline/source"
)

// Kafka's names of the settings that matter here.
const (
	timestampType   = "message.timestamp.type"
	cleanup         = "cleanup.policy"
	retention       = "retention.ms"
	retentionBytes  = "retention.bytes"
	maxMessageBytes = "max.message.bytes"
)

// Topic is a topic as its cluster has it.
type Topic struct {
	Name       string
	Partitions int32 // 0: there is no such topic
	Replicas   int   // of its first partition

	settings map[string]string // nil: they could not be read
	unread   error             // why
}

// Exists says whether the cluster has the topic.
func (t *Topic) Exists() bool { return t.Partitions > 0 }

// setting returns a setting, or that it is not known.
func (t *Topic) setting(name string) (string, bool) {
	value, ok := t.settings[name]
	return value, ok
}

func (t *Topic) number(name string) (int64, bool) {
	text, ok := t.settings[name]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func (t *Topic) compacted() bool { return strings.Contains(t.settings[cleanup], "compact") }

// Describe asks for topics that the client was opened for, in their order. A
// topic that does not exist, and settings that this client may not read, are no
// errors.
func Describe(ctx context.Context, client *source.Client, names []string) ([]Topic, error) {
	res, err := client.RoundTrip(ctx, &metadata.Request{TopicNames: names}, 0)
	if err != nil {
		return nil, fmt.Errorf("asking Kafka at %s for its topics: %w", client.Addr(), err)
	}
	found := map[string]*metadata.ResponseTopic{}
	for i := range res.(*metadata.Response).Topics {
		t := &res.(*metadata.Response).Topics[i]
		found[t.Name] = t
	}
	all := make([]Topic, len(names))
	var there []*Topic
	for i, name := range names {
		all[i].Name = name
		t := found[name]
		if t == nil || kafka.Error(t.ErrorCode) == kafka.UnknownTopicOrPartition {
			continue
		}
		if code := kafka.Error(t.ErrorCode); code != 0 && code != kafka.LeaderNotAvailable {
			return nil, fmt.Errorf("asking Kafka at %s for topic %s: %w", client.Addr(), name, client.Observe(code, source.OnTopic("Describe", name)))
		}
		all[i].Partitions = int32(len(t.Partitions))
		if len(t.Partitions) > 0 {
			all[i].Replicas = len(t.Partitions[0].ReplicaNodes)
		}
		there = append(there, &all[i])
	}
	if err := readSettings(ctx, client, there); err != nil {
		return nil, fmt.Errorf("asking Kafka at %s for the settings of its topics: %w", client.Addr(), err)
	}
	return all, nil
}

// readSettings fills in the settings. That the brokers refuse to tell them is
// kept with the topic; that they do not answer is an error.
func readSettings(ctx context.Context, client *source.Client, topics []*Topic) error {
	if len(topics) == 0 {
		return nil
	}
	const resourceTopic = 2
	req := &describeconfigs.Request{}
	for _, t := range topics {
		t.unread = errors.New("the broker's answer does not tell")
		req.Resources = append(req.Resources, describeconfigs.RequestResource{ResourceType: resourceTopic, ResourceName: t.Name,
			ConfigNames: []string{timestampType, cleanup, retention, retentionBytes, maxMessageBytes}})
	}
	res, err := client.RoundTrip(ctx, req, 0)
	if err != nil {
		if source.Temporary(err) || ctx.Err() != nil || errors.Is(err, source.ErrClosed) {
			return err
		}
		for _, t := range topics {
			t.unread = err
		}
		return nil
	}
	for _, r := range res.(*describeconfigs.Response).Resources {
		for _, t := range topics {
			if t.Name == r.ResourceName {
				t.take(&r)
			}
		}
	}
	return nil
}

func (t *Topic) take(r *describeconfigs.ResponseResource) {
	if code := kafka.Error(r.ErrorCode); code != 0 {
		t.unread = code
		return
	}
	t.settings, t.unread = map[string]string{}, nil
	for _, entry := range r.ConfigEntries {
		t.settings[entry.ConfigName] = entry.ConfigValue
	}
}
