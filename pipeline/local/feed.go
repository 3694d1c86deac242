package local

import (
	"github.com/tidemark/tidemark/pipeline/feed"
	"github.com/tidemark/tidemark/pkg/policy"
)

// topics are where the events of a World go.
var topics = feed.Topics{Orders: Purchases, Clicks: Clicks, Partitions: Partitions}

// NewRouter routes lines of events to the topics of a World.
func NewRouter(p *policy.Policy) (*feed.Router, error) { return feed.NewRouter(p, topics) }

// Feed opens a feed of events to the World's log, routed by the policy's
// partitioner.
func (w *World) Feed(p *policy.Policy) (*feed.Feed, error) {
	router, err := NewRouter(p)
	if err != nil {
		return nil, err
	}
	return feed.New(w.connection.Producer, router), nil
}
