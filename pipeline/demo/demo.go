package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/feed"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/shop"
)

// Options say what is shown.
type Options struct {
	For     time.Duration  // how long, from when there is something to see; 0: until ctx is over
	Proof   time.Duration  // bounds the verification at the end; 0: as long as it takes
	History int            // days of the shop's life that are there at the start
	Joining int            // customers who come for the first time in a day
	Speed   float64        // of the shop's time; 86,400 is a day in a second
	Seed    uint64         // another seed, another shop
	Show    func(Snapshot) // called about ten times a second, from one goroutine
	Log     *zap.Logger
}

// Default shows a shop of some thousand customers at a day per second. Who has
// seen enough of it does not have to wait long.
func Default() Options {
	return Options{Proof: 20 * time.Second, History: 240, Joining: 8, Speed: 86_400, Seed: 1}
}

const (
	day = int64(policy.Day)

	// years is how long the shop lives. Nobody watches for an hour.
	years = 10

	// grace is how far the shards stay behind the shop's time, for its events to
	// come in: half a second of ours at a day per second.
	grace = 12 * time.Hour

	// feedEvery is how often the shop's latest events are written to the log.
	feedEvery = 100 * time.Millisecond

	namespace = "demo"
)

// Result is what a demo came to.
type Result struct {
	Summary *replay.Summary
	Proof   *verify.Report // nil: it was given up after Options.Proof, or nothing was done
	Cut     bool           // the pipeline did not finish in time what it had in hand
}

// show is one demo under way.
type show struct {
	Options
	world   *local.World
	feed    *feed.Feed
	shop    *shop.Shop
	next    shop.Line // the first line that is not in the log yet
	more    bool
	clock   *clock
	watcher *watcher
}

// Run shows until its time is over, or ctx is, verifies what was done, and returns
// what it came to.
func Run(ctx context.Context, o Options) (result *Result, err error) {
	s := &show{Options: o}
	s.world, err = local.Start(local.Options{Namespace: namespace, Policy: policy.Default(), Log: o.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.world.Close()) }()
	if err := s.open(); err != nil {
		return nil, err
	}
	return s.run(ctx)
}

// open makes the shop and the way of its lines into the log.
func (s *show) open() (err error) {
	o := shop.Default()
	o.Seed = s.Seed
	o.To = o.From + years*365*day
	o.Customers = s.Joining * years * 365
	o.Duplicates, o.Disorder, o.Malformed = 0.02, 0.03, 0.002
	o.Model.Joining = 1
	if s.shop, err = shop.New(o); err != nil {
		return err
	}
	if s.feed, err = s.world.Feed(policy.Default()); err != nil {
		return err
	}
	s.next, s.more = s.shop.Next()
	s.clock = newClock(o.From+int64(s.History)*day, s.Speed)
	s.watcher = newWatcher(&s.Options, s.world)
	return nil
}

// run starts the pipeline on the shop's history and then feeds it the present.
// What is under way when ctx is over is finished: the result should be whole.
func (s *show) run(ctx context.Context) (*Result, error) {
	begin := time.Now()
	working, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	s.watcher.step(Starting)
	if err := s.write(working); err != nil {
		return nil, err
	}
	p, err := s.pipeline()
	if err != nil {
		return nil, err
	}
	work := newWork(working, p)
	s.watcher.step(CatchingUp)
	s.clock.start()
	if s.For > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, s.For)
		defer stop()
	}
	err = s.present(ctx, working, work)
	if err != nil {
		abandon()
	}
	whole, failed := work.finish(abandon)
	if err := errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("running the demo: %w", err)
	}
	looking := context.WithoutCancel(ctx) // at what is there, though its end was not waited for
	summary, err := s.watcher.summary(looking)
	if err != nil {
		return nil, err
	}
	summary.Elapsed = time.Since(begin)
	s.watcher.step(Verifying)
	proof, err := s.prove(looking)
	if err != nil {
		return nil, err
	}
	return &Result{Summary: summary, Proof: proof, Cut: !whole}, nil
}

// prove has everything recomputed by rules that share nothing with the pipeline.
func (s *show) prove(ctx context.Context) (*verify.Report, error) {
	if s.Proof > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, s.Proof)
		defer stop()
	}
	where := s.world.Servers()
	report, err := verify.Run(ctx, verify.Options{Kafka: where.Kafka, Redis: where.Redis, Namespace: where.Namespace,
		Inputs: where.Inputs, Changes: where.Changes, Policy: policy.Default()})
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, verify.ErrNothing) {
		return nil, nil
	}
	return report, err
}

func (s *show) pipeline() (*pipeline.Pipeline, error) {
	config := s.world.Replay()
	config.WallClock = true
	config.TimerGrace = grace
	config.Clock = s.clock.read
	return s.world.Pipeline(config)
}

// present feeds and watches until ctx is over.
func (s *show) present(ctx, working context.Context, work *work) error {
	ticker := time.NewTicker(feedEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-work.over:
			return errors.New("the pipeline ended by itself")
		case <-ticker.C:
		}
		if err := s.write(working); err != nil {
			return err
		}
		if err := s.watcher.look(working, work.pipeline); err != nil {
			return err
		}
	}
}

// write brings the log up to the shop's time.
func (s *show) write(ctx context.Context) error {
	for now := s.clock.now(); s.more && s.next.At <= now; s.next, s.more = s.shop.Next() {
		if err := s.feed.Add(ctx, s.next.Value); err != nil {
			return fmt.Errorf("writing the shop's events: %w", err)
		}
		s.watcher.written++
	}
	if err := s.feed.Flush(ctx); err != nil {
		return fmt.Errorf("writing the shop's events: %w", err)
	}
	return nil
}
