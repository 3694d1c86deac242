package feed

import (
	"fmt"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Topics are where a shop's events go.
type Topics struct {
	Orders     string // purchases, refunds, erasures, and what cannot be decoded
	Clicks     string // may be the same
	Partitions int32  // of each
}

// TopicsOf chooses among a namespace's inputs: clicks go to the last one,
// everything else to the first.
func TopicsOf(inputs []string, partitions int32) Topics {
	return Topics{Orders: inputs[0], Clicks: inputs[len(inputs)-1], Partitions: partitions}
}

// Router does what a shop's producers do: it decides where a line of events
// goes in the log. It is not safe for concurrent use.
type Router struct {
	topics      Topics
	decoder     *event.Decoder
	partitioner partition.Partitioner
	event       event.Event
}

// NewRouter routes by the policy's partitioner.
func NewRouter(p *policy.Policy, topics Topics) (*Router, error) {
	decoder, err := event.NewDecoder(p)
	if err != nil {
		return nil, fmt.Errorf("preparing the router: %w", err)
	}
	partitioner, err := partition.Parse(p.Partitioner)
	if err != nil {
		return nil, fmt.Errorf("preparing the router: %w", err)
	}
	return &Router{topics: topics, decoder: decoder, partitioner: partitioner}, nil
}

// noTime is the timestamp of a record that has none.
const noTime = -1

// Route says where a line goes: clicks to their topic, everything else to that
// of orders, on the partition of the customer, dated as it says itself. What
// cannot be decoded has no customer and no time that could be believed: it goes
// to partition 0 of orders without a key, where the pipeline rejects it.
//
// The record aliases the line.
func (r *Router) Route(line []byte) (topic string, number int32, record sink.Record) {
	// Judged without a timestamp and a place: what is wrong with those is for the
	// pipeline to find.
	reason := r.decoder.Decode(line, event.Record{Timestamp: noTime, Latest: instant.None}, &r.event)
	if reason != event.OK {
		return r.topics.Orders, 0, sink.Record{Value: line, Time: noTime}
	}
	topic = r.topics.Orders
	if r.event.Type == event.Click {
		topic = r.topics.Clicks
	}
	return topic, r.partitioner.Partition(r.event.Customer, r.topics.Partitions),
		sink.Record{Key: []byte(r.event.Customer), Value: line, Time: r.event.OccurredAt}
}
