package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pkg/policy"
)

// Config is what a pipeline has to know.
type Config struct {
	Namespace       string
	Inputs          []string
	Changes         string
	Partitions      int32
	Policy          *policy.Policy
	WallClock       bool
	TimerGrace      time.Duration
	Publish         string // PublishSnapshot, PublishAll or PublishNone
	AcceptTruncated bool
	Durable         bool
	Until           int64 // unix ms; instant.None: a replay ends with its last event
	Limits          Limits
	Clock           func() Clock // nil: the system's
	Log             *zap.Logger
}

// Source is the CloudEvents source of a namespace's changes.
func Source(namespace string) string { return "tidemark/" + namespace }

// Pipeline runs all shards of a namespace in this process.
type Pipeline struct {
	config  Config
	drivers []*driver
	tail    *fetcher
	behind  *fetcher
	clock   *sharedClock // nil: the configured clock alone counts
	drain   chan struct{}
}

// New builds a pipeline over its servers. Nothing is started.
func New(config Config, ports Ports) (*Pipeline, error) {
	if config.Clock == nil {
		config.Clock = SystemClock()
	}
	if ports.Group == nil {
		ports.Group = alone{}
	}
	tick := func() int64 { return config.Clock().Tick }
	p := &Pipeline{config: config, drain: make(chan struct{}),
		tail:   newFetcher(ports.Log, config.Log, longPoll, tick),
		behind: newFetcher(ports.Log, config.Log, noPoll, tick)}
	if config.WallClock && ports.Time != nil {
		p.clock = &sharedClock{local: config.Clock, server: ports.Time, log: config.Log}
		p.config.Clock = p.clock.now
	}
	for i := range config.Partitions {
		d, err := p.driver(i, &ports)
		if err != nil {
			return nil, fmt.Errorf("building shard %d: %w", i, err)
		}
		p.drivers = append(p.drivers, d)
	}
	return p, nil
}

// driver builds one shard and the driver around it.
func (p *Pipeline) driver(number int32, ports *Ports) (*driver, error) {
	c := &p.config
	sc := ShardConfig{
		Shard: number, Partitions: c.Partitions, Inputs: c.Inputs, Changes: c.Changes, Source: Source(c.Namespace),
		Policy: c.Policy, WallClock: c.WallClock, TimerGrace: c.TimerGrace.Milliseconds(), Publish: c.Publish,
		AcceptTruncated: c.AcceptTruncated, Durable: c.Durable, Until: c.Until, Limits: c.Limits,
		Token: rand.Text, Jitter: mathrand.Float64,
	}
	shard, err := NewShard(sc)
	if err != nil {
		return nil, err
	}
	return &driver{shard: shard, config: &sc, changes: c.Changes, ports: ports, clock: c.Clock,
		tail: p.tail, behind: p.behind, fetched: make(chan delivery), gone: make(chan struct{}),
		done: make(chan *Op, sessionOps), drain: p.drain,
		trouble: troubles{log: c.Log.With(zap.Int32("shard", number))}}, nil
}

// Run drives all shards until every one has finished (a replay), was drained, or
// one stops with a reason. When ctx ends it leaves at once, as a crash would:
// the next run goes on from what is stored.
func (p *Pipeline) Run(ctx context.Context) error {
	if p.clock != nil {
		if err := p.clock.measure(ctx); err != nil {
			return err
		}
	}
	shards, ctx := errgroup.WithContext(ctx)
	for _, d := range p.drivers {
		shards.Go(func() error { return d.run(ctx) })
	}
	reading, stop := context.WithCancel(ctx)
	helpers := errgroup.Group{}
	helpers.Go(func() error { return p.tail.run(reading) })
	helpers.Go(func() error { return p.behind.run(reading) })
	if p.clock != nil {
		helpers.Go(func() error { return p.clock.run(reading) })
	}
	err := shards.Wait()
	stop()
	if helperErr := helpers.Wait(); !errors.Is(helperErr, context.Canceled) {
		err = errors.Join(err, helperErr)
	}
	return err
}

// Drain makes every shard finish what it has taken, store and publish it; Run
// returns then. To be called once.
func (p *Pipeline) Drain() { close(p.drain) }

// Skew is how far Redis's clock is ahead of this worker's, ms. Beyond MaxSkew
// either way the worker is not ready.
func (p *Pipeline) Skew() int64 {
	if p.clock == nil {
		return 0
	}
	return p.clock.skew.Load()
}

// Status returns how the shards stand, nil for those that have not begun.
func (p *Pipeline) Status() []*Status {
	all := make([]*Status, len(p.drivers))
	for i, d := range p.drivers {
		all[i] = d.status.Load()
	}
	return all
}
