package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/metrics"
	"github.com/tidemark/tidemark/pkg/instant"
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
	Memory          int64        // bytes that all owned shards may hold together; 0: Limits for each
	Clock           func() Clock // nil: the system's
	Log             *zap.Logger
	Metrics         *metrics.Metrics // nil: nobody asks
}

// Source is the CloudEvents source of a namespace's changes.
func Source(namespace string) string { return "tidemark/" + namespace }

// Pipeline runs shards of a namespace in this process: all of them (Run), or
// those that a consumer group gives it (Serve).
type Pipeline struct {
	config  Config
	ports   Ports
	tail    *fetcher
	behind  *fetcher
	clock   *sharedClock // nil: the configured clock alone counts
	drain   chan struct{}
	drained sync.Once

	mu     sync.Mutex
	owned  []*driver
	member bool // the group has given a share, which may be empty
}

// New builds a pipeline over its servers. Nothing is started.
func New(config Config, ports Ports) (*Pipeline, error) {
	if config.Clock == nil {
		config.Clock = SystemClock()
	}
	if !config.WallClock && config.Until != instant.None && config.Publish == PublishSnapshot {
		return nil, errors.New("building the pipeline: a replay up to an instant has no moment for a snapshot: let it publish all or none")
	}
	tick := func() int64 { return config.Clock().Tick }
	p := &Pipeline{config: config, ports: ports, drain: make(chan struct{}),
		tail:   newFetcher(ports.Log, config.Log, config.Metrics, longPoll, tick),
		behind: newFetcher(ports.Log, config.Log, config.Metrics, noPoll, tick)}
	if config.WallClock && ports.Time != nil {
		p.clock = &sharedClock{local: config.Clock, server: ports.Time, log: config.Log}
		p.config.Clock = p.clock.now
	}
	if _, err := p.driver(0, config.Limits, alone{}, nil); err != nil {
		return nil, fmt.Errorf("building a shard: %w", err)
	}
	return p, nil
}

// driver builds one shard and the driver around it.
func (p *Pipeline) driver(number int32, limits Limits, group Group, drain <-chan struct{}) (*driver, error) {
	c := &p.config
	sc := ShardConfig{
		Shard: number, Partitions: c.Partitions, Inputs: c.Inputs, Changes: c.Changes, Source: Source(c.Namespace),
		Policy: c.Policy, WallClock: c.WallClock, TimerGrace: c.TimerGrace.Milliseconds(), Publish: c.Publish,
		AcceptTruncated: c.AcceptTruncated, Durable: c.Durable, Until: c.Until, Limits: limits,
		Token: rand.Text, Jitter: mathrand.Float64,
	}
	shard, err := NewShard(sc)
	if err != nil {
		return nil, err
	}
	d := &driver{shard: shard, config: &sc, changes: c.Changes, ports: &p.ports, group: group, clock: c.Clock,
		tail: p.tail, behind: p.behind, fetched: make(chan delivery), gone: make(chan struct{}),
		done: make(chan *Op, sessionOps), drain: drain, meter: c.Metrics,
		log:     c.Log.With(zap.Int32("shard", number)),
		trouble: troubles{log: c.Log.With(zap.Int32("shard", number))}}
	d.turned.Store(c.Clock().Tick)
	return d, nil
}

// drivers builds those of a share, in place of what was owned before.
func (p *Pipeline) drivers(shards []int32, group Group, drain <-chan struct{}) ([]*driver, error) {
	owned := make([]*driver, len(shards))
	limits := p.config.Limits.shared(p.config.Memory, len(shards), len(p.config.Inputs))
	for i, shard := range shards {
		var err error
		if owned[i], err = p.driver(shard, limits, group, drain); err != nil {
			return nil, fmt.Errorf("building shard %d: %w", shard, err)
		}
	}
	p.own(owned, true)
	return owned, nil
}

func (p *Pipeline) own(owned []*driver, member bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owned, p.member = owned, member
}

// Run drives all shards until every one has finished (a replay), was drained, or
// one stops with a reason. When ctx ends it leaves at once, as a crash would:
// the next run goes on from what is stored.
func (p *Pipeline) Run(ctx context.Context) error {
	all := make([]int32, p.config.Partitions)
	for i := range all {
		all[i] = int32(i)
	}
	drivers, err := p.drivers(all, alone{}, p.drain)
	if err != nil {
		return err
	}
	return p.reading(ctx, ctx, func(ctx context.Context) error {
		shards, ctx := errgroup.WithContext(ctx)
		for _, d := range drivers {
			shards.Go(func() error { return d.run(ctx) })
		}
		return shards.Wait()
	})
}

// reading works while the fetchers and the clock run. Before that Redis's clock
// is asked, for as long as starting lasts.
func (p *Pipeline) reading(ctx, starting context.Context, work func(context.Context) error) error {
	if p.clock != nil {
		if err := p.clock.measure(starting); err != nil {
			return err
		}
	}
	helping, stop := context.WithCancel(ctx)
	helpers := errgroup.Group{}
	helpers.Go(func() error { return p.tail.run(helping) })
	helpers.Go(func() error { return p.behind.run(helping) })
	if p.clock != nil {
		helpers.Go(func() error { return p.clock.run(helping) })
	}
	err := work(ctx)
	stop()
	if helperErr := helpers.Wait(); !errors.Is(helperErr, context.Canceled) {
		err = errors.Join(err, helperErr)
	}
	return err
}

// Drain makes every shard finish what it has taken, store and publish it; Run
// and Serve return then.
func (p *Pipeline) Drain() { p.drained.Do(func() { close(p.drain) }) }

// Status returns how the shards of this process stand, in order.
func (p *Pipeline) Status() []*Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*Status, len(p.owned))
	for i, d := range p.owned {
		all[i] = d.standing()
	}
	return all
}

// Stuck returns the shards whose driver has not turned for longer than any I/O
// may take: a bug that only a new process mends.
func (p *Pipeline) Stuck() []int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Clock().Tick
	var stuck []int32
	for _, d := range p.owned {
		phase := d.standing().Phase
		if p.config.WallClock && phase != Ended && phase != Stopped && now-d.turned.Load() > stuckAfter.Milliseconds() {
			stuck = append(stuck, d.config.Shard)
		}
	}
	return slices.Clip(stuck)
}

// stuckAfter is many times what a driver waits for anything.
const stuckAfter = time.Minute

// Member reports that the group has given this worker its share; false while it
// joins.
func (p *Pipeline) Member() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.member
}

// Skew is how far Redis's clock is ahead of this worker's, ms. Beyond MaxSkew
// either way the worker is not ready.
func (p *Pipeline) Skew() int64 {
	if p.clock == nil {
		return 0
	}
	return p.clock.skew.Load()
}
