package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createtopics"

	"github.com/tidemark/tidemark/pipeline/source"
)

const (
	createTimeout  = 30 * time.Second
	appearInterval = 100 * time.Millisecond
)

// Create makes the topics that are missing, with so many partitions and
// replicas (-1: as many as the brokers make by default), and returns their
// names. Topics that exist stay as they are. If an input or the changes exist with
// another partition count, it is an error, and nothing is created.
func (u *Use) Create(ctx context.Context, client *source.Client, partitions int32, replicas int16) (created []string, err error) {
	found, err := Describe(ctx, client, u.Names())
	if err != nil {
		return nil, err
	}
	if err := u.fits(found, partitions); err != nil {
		return nil, err
	}
	// The dead letters come last: how large they may be follows from the inputs.
	for _, names := range [][]string{append([]string{u.Changes}, u.Inputs...), {u.DeadLetters}} {
		topics, err := Describe(ctx, client, u.Names())
		if err != nil {
			return created, err
		}
		var requests []createtopics.RequestTopic
		for i := range topics {
			for _, name := range names {
				if t := &topics[i]; t.Name == name && !t.Exists() {
					requests = append(requests, createtopics.RequestTopic{Name: name, NumPartitions: partitions,
						ReplicationFactor: replicas, Configs: u.settings(name, topics)})
				}
			}
		}
		some, err := create(ctx, client, requests)
		created = append(created, some...)
		if err == nil {
			err = appear(ctx, client, names)
		}
		if err != nil {
			return created, err
		}
	}
	return created, nil
}

// fits says which of the topics that exist, described in the order of u.Names,
// would not go with new ones of so many partitions. A partition count cannot be
// lowered, and a worker refuses unequal ones: better to have created none.
func (u *Use) fits(found []Topic, partitions int32) error {
	var others []string
	for i := range found[:len(u.Inputs)+1] { // the dead letters may have any
		if t := &found[i]; t.Exists() && t.Partitions != partitions {
			others = append(others, fmt.Sprintf("%s has %d", t.Name, t.Partitions))
		}
	}
	if others == nil {
		return nil
	}
	return fmt.Errorf("creating topics of %d partitions: %s: inputs and changes need the same number, so nothing was created; give --partitions as those that exist, or name others in the configuration",
		partitions, strings.Join(others, ", "))
}

// appear waits until topics are in what the brokers, and kafka-go's copy of it,
// know: they answer before all of them do.
func appear(ctx context.Context, client *source.Client, names []string) error {
	bounded, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	again := time.NewTicker(appearInterval)
	defer again.Stop()
	for {
		topics, err := Describe(bounded, client, names)
		if err == nil && !slices.ContainsFunc(topics, unknown) {
			return nil
		}
		_ = client.Observe(kafka.LeaderNotAvailable) // makes it ask anew
		select {
		case <-again.C:
		case <-bounded.Done():
			return errors.Join(fmt.Errorf("waiting for the new topics: %w", bounded.Err()), err)
		}
	}
}

func unknown(t Topic) bool {
	return !t.Exists() || errors.Is(t.unread, kafka.UnknownTopicOrPartition)
}

// settings are those of a topic to create.
func (u *Use) settings(name string, topics []Topic) []createtopics.RequestConfig {
	settings := []createtopics.RequestConfig{{Name: cleanup, Value: "delete"}}
	switch name {
	case u.Changes:
		return append(settings, createtopics.RequestConfig{Name: retention, Value: "-1"}, createtopics.RequestConfig{Name: retentionBytes, Value: "-1"})
	case u.DeadLetters:
		return append(settings, createtopics.RequestConfig{Name: maxMessageBytes, Value: strconv.FormatInt(u.letterBytes(topics), 10)})
	default:
		return append(settings, createtopics.RequestConfig{Name: timestampType, Value: "LogAppendTime"},
			createtopics.RequestConfig{Name: retention, Value: "-1"},
			createtopics.RequestConfig{Name: retentionBytes, Value: "-1"}) // or the broker's log.retention.bytes would cut it
	}
}

func create(ctx context.Context, client *source.Client, topics []createtopics.RequestTopic) (created []string, err error) {
	if len(topics) == 0 {
		return nil, nil
	}
	res, err := client.RoundTrip(ctx, &createtopics.Request{Topics: topics, TimeoutMs: int32(createTimeout.Milliseconds())}, createTimeout)
	if err != nil {
		return nil, fmt.Errorf("creating topics: %w", err)
	}
	for _, t := range res.(*createtopics.Response).Topics {
		switch code := kafka.Error(t.ErrorCode); {
		case code == 0:
			created = append(created, t.Name)
		case code == kafka.TopicAlreadyExists: // somebody else was faster
		case err == nil:
			err = fmt.Errorf("creating topic %s: %s: %w", t.Name, t.ErrorMessage, client.Observe(code, source.OnTopic("Create", t.Name)))
		}
	}
	return created, err
}
