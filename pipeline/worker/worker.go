// Package worker is one running Tidemark process: its shards, its membership of
// the consumer group, its HTTP server, and what they need of the machine.
package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/metrics"
)

// Options say what a worker is.
type Options struct {
	Pipeline   pipeline.Config // without Metrics
	Group      pipeline.GroupConfig
	Connection *pipeline.Connection
	Listen     string // host:port of metrics and health; empty: no server
	Version    string
	Log        *zap.Logger
}

// Run works until ctx ends, and brings everything to rest then: what is in hand
// is stored and published within pipeline.DrainTimeout, and the shards are given
// to others. It returns early only with the reason why it cannot work.
func Run(ctx context.Context, o Options) (err error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	standing := func() metrics.Standing { return metrics.Standing{} }
	o.Pipeline.Metrics = metrics.New(registry, o.Version, func() metrics.Standing { return standing() })
	o.Pipeline.Memory = memory(o.Log)
	p, err := pipeline.New(o.Pipeline, o.Connection.Ports())
	if err != nil {
		return fmt.Errorf("building the pipeline: %w", err)
	}
	standing = p.Standing
	growth := &growth{inputs: o.Pipeline.Inputs, partitions: o.Pipeline.Partitions, topics: o.Connection.Client, log: o.Log}
	eviction := &eviction{redis: o.Connection.Redis, log: o.Log}
	listener, err := listen(o.Listen)
	if err != nil {
		return err
	}
	if o.Listen != "" {
		o.Log.Info("serving metrics and health", zap.Stringer("address", listener.Addr()))
	}
	members, err := pipeline.JoinGroup(o.Group, o.Connection.Client)
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	// The pipeline does not see ctx: an interrupt drains it, and what the drain
	// does not bring to rest in time it gives up by itself.
	working, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, p.Drain)
	defer stop()
	var all errgroup.Group
	all.Go(func() error {
		err := serve(working, listener, handler(registry, &readiness{pipeline: p, growth: growth, eviction: eviction}))
		if err != nil {
			o.Log.Error("ending, since nobody could see how this worker is", zap.Error(err))
			p.Drain()
		}
		return err
	})
	all.Go(func() error { return every(working, growthInterval, growth.look) })
	all.Go(func() error { return every(working, evictionInterval, eviction.look) })
	err = p.Serve(working, members)
	end()
	return errors.Join(err, ignoreCanceled(all.Wait()))
}

// every looks at something again and again until ctx ends.
func every(ctx context.Context, interval time.Duration, look func(context.Context)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		look(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// listen opens the HTTP server's socket, so that an address in use shows before
// anything begins.
func listen(address string) (net.Listener, error) {
	if address == "" {
		return silent{}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for metrics and health: %w: choose another server.listen", err)
	}
	return listener, nil
}
