package local

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// The topics of a World, and into how many partitions each is divided.
const (
	Purchases   = "purchases" // purchases, refunds and erasures
	Clicks      = "clicks"
	Changes     = "segment-changes"
	DeadLetters = "dead-letters"

	Partitions = 12
)

// Options say what a World is for.
type Options struct {
	Namespace string
	Policy    *policy.Policy
	Log       *zap.Logger
}

// World is a broker and a Redis with clients connected to them.
type World struct {
	options    Options
	servers    *embedded.Servers
	where      pipeline.Servers
	connection *pipeline.Connection
}

// Start starts the servers and connects. Close the World when it is done with.
func Start(o Options) (*World, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	topics := map[string]int32{Purchases: Partitions, Clicks: Partitions, Changes: Partitions, DeadLetters: Partitions}
	servers, err := embedded.Start(embedded.Options{Topics: topics})
	if err != nil {
		return nil, err
	}
	w := &World{options: o, servers: servers, where: pipeline.Servers{
		Kafka:       source.Config{Brokers: servers.Brokers()},
		Redis:       store.Config{Addrs: []string{servers.RedisAddr()}},
		Namespace:   o.Namespace,
		Inputs:      []string{Clicks, Purchases},
		Changes:     Changes,
		DeadLetters: DeadLetters,
	}}
	if w.connection, err = pipeline.Connect(w.where); err != nil {
		return nil, errors.Join(err, servers.Close())
	}
	return w, nil
}

// Close stops everything; what was stored is gone.
func (w *World) Close() error {
	return errors.Join(w.connection.Close(), w.servers.Close())
}

// Partitions is how many each topic has.
func (w *World) Partitions() int32 { return Partitions }

// Brokers are where others can read the topics while the World lives.
func (w *World) Brokers() []string { return w.servers.Brokers() }

// Servers say how others can connect to the World while it lives.
func (w *World) Servers() pipeline.Servers { return w.where }

// RedisAddr is where others can read the customers while the World lives.
func (w *World) RedisAddr() string { return w.servers.RedisAddr() }

// Replay is the configuration of a pipeline that runs over what the log holds
// now, as fast as it can, publishes everything as it happened, and ends.
func (w *World) Replay() pipeline.Config {
	return pipeline.Config{
		Namespace:  w.options.Namespace,
		Inputs:     []string{Clicks, Purchases},
		Changes:    Changes,
		Partitions: Partitions,
		Policy:     w.options.Policy,
		Publish:    pipeline.PublishAll,
		Until:      instant.None,
		Limits:     pipeline.DefaultLimits(),
		Log:        w.options.Log,
	}
}

// Pipeline builds a pipeline over the World's servers.
func (w *World) Pipeline(config pipeline.Config) (*pipeline.Pipeline, error) {
	ports := w.connection.Ports()
	ports.Time = nil // a simulated clock has nothing to do with the server's
	p, err := pipeline.New(config, ports)
	if err != nil {
		return nil, fmt.Errorf("building the pipeline: %w", err)
	}
	return p, nil
}

// States are the shards as they are stored.
func (w *World) States(ctx context.Context) ([]store.State, error) {
	states := make([]store.State, Partitions)
	for shard := range states {
		session, err := w.connection.Redis.Session(ctx, int32(shard))
		if err != nil {
			return nil, err
		}
		states[shard], err = session.Head(ctx)
		if err := errors.Join(err, session.Close()); err != nil {
			return nil, err
		}
	}
	return states, nil
}
