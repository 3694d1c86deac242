package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

// How a field is laid out.
const (
	shards   = 12
	fleet    = 3 // workers
	session  = 2 * time.Second
	backlog  = 2 * time.Minute // over which the events before the first start are dated
	patience = 3 * time.Minute // for everything to be consumed
)

// brisk customers move between segments within a minute or two, so that a row
// holds thousands of deadlines.
const brisk = `policy:
  name: brisk
  window: 10m
  lifecycle: {loyal_orders: 3, active_within: 60s, churn_after: 120s, engaged_within: 45s, prospect_churn_after: 90s}
`

// field is where one row takes place.
type field struct {
	*runner
	row
	dose int
	dir  string

	kafka   *real.Kafka
	redis   *real.Redis // nil where the row has servers of its own
	replica *real.Redis // and what else rows have that bring their own servers
	cluster *real.Cluster
	proxy   *real.Proxy   // before Redis
	routes  []*real.Proxy // before Redis, one for each worker
	service *service.Service
	shop    *service.Shop
	probes  *prober
	chance  *rand.Rand
	closing []func() error // in reverse order, at the row's end

	mu       sync.Mutex
	workers  []*service.Worker
	started  int
	trouble  error // a worker ended by itself
	refusals int   // to start because a server was away; they are started again

	environment []string // of every worker
	tended      bool

	runs      int
	recovered []time.Duration
	remarks   []string
	account   service.Account
	stopFeed  func()
}

// remark adds something to the last column of the table.
func (f *field) remark(format string, args ...any) {
	f.remarks = append(f.remarks, fmt.Sprintf(format, args...))
}

// later lets something end with the row.
func (f *field) later(end func() error) { f.closing = append(f.closing, end) }

func (f *field) run(ctx context.Context) error {
	f.chance = rand.New(rand.NewPCG(f.seed, 7))
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return err
	}
	if err := f.prepare(ctx); err != nil {
		return err
	}
	if f.whole != nil {
		return f.whole(ctx, f)
	}
	if err := f.begin(ctx); err != nil {
		return err
	}
	f.feed(ctx, f.rate)
	if err := f.apply(ctx, f); err != nil {
		return err
	}
	if err := f.end(ctx); err != nil {
		return err
	}
	return f.judge(ctx)
}

// prepare makes servers and a service without topics.
func (f *field) prepare(ctx context.Context) (err error) {
	if f.kafka, err = f.runner.brokers(max(f.row.brokers, 1)); err != nil {
		return err
	}
	o := service.Options{Name: fmt.Sprintf("%s-%d", f.name, time.Now().Unix()%1_000_000), Binary: f.binary, Dir: f.dir, Kafka: f.kafka.Brokers(),
		Shards: shards, Session: session, Policy: f.policy, Replicas: f.row.brokers}
	if o.Policy == "" {
		o.Policy = brisk
	}
	if f.configure != nil {
		f.configure(&o)
	}
	if f.servers == nil {
		if f.redis, err = real.StartRedis("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"); err != nil {
			return err
		}
		f.later(f.redis.Close)
		o.Redis.Addrs = []string{f.redis.Addr()}
	}
	if f.service, err = service.New(o); err != nil || f.servers == nil {
		return err
	}
	if err := f.servers(ctx, f); err != nil {
		return err
	}
	return f.service.Configure()
}

// again goes on with another namespace, whose topics are not there yet.
func (f *field) again(run int) (err error) {
	was := f.service
	o := was.Options
	o.Name, o.Dir = fmt.Sprintf("%s-%d", o.Name, run), filepath.Join(f.dir, fmt.Sprintf("run-%d", run))
	if f.service, err = service.New(o); err != nil {
		f.service = was
		return err
	}
	s := f.service
	f.later(func() error { return s.DeleteTopics(context.Background()) })
	return nil
}

// begin makes topics and a backlog, starts the workers, and returns when they have
// consumed it.
func (f *field) begin(ctx context.Context) (err error) {
	if err := f.open(ctx); err != nil {
		return err
	}
	span := f.span
	if span == 0 {
		span = backlog
	}
	f.shop.Past(ctx, f.events, span)
	if err := f.shop.Flush(ctx); err != nil {
		return err
	}
	return f.work(ctx)
}

// work starts the workers, and returns when they have consumed what there is.
func (f *field) work(ctx context.Context, environment ...string) error {
	for range fleet {
		if _, err := f.start(ctx, environment...); err != nil {
			return err
		}
	}
	f.tend(ctx)
	return errors.Join(f.consumed(ctx), f.settled(ctx))
}

// open makes the topics, and opens the shop and the probes' reader.
func (f *field) open(ctx context.Context) (err error) {
	if f.before != nil {
		if err := f.before(ctx, f); err != nil {
			return err
		}
	}
	if err := f.service.CreateTopics(ctx); err != nil {
		return err
	}
	mix := service.Usual(f.seed)
	if f.fullDose {
		mix.Customers = 100_000
	}
	if f.mix != nil {
		f.mix(&mix)
	}
	if f.shop, err = f.service.Open(mix); err != nil {
		return err
	}
	f.later(func() error { f.shop.Close(); return nil })
	if f.probes, err = newProber(f.service); err != nil {
		return err
	}
	f.later(f.probes.close)
	return nil
}

// feed trades at a rate, until f.end or the row's end.
func (f *field) feed(ctx context.Context, rate int) {
	feeding, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		const turns = 10 // a second
		tick := time.NewTicker(time.Second / turns)
		defer tick.Stop()
		for {
			select {
			case <-feeding.Done():
				return
			case <-tick.C:
				f.shop.Trade(ctx, rate/turns)
			}
		}
	}()
	f.stopFeed = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	f.later(func() error { f.stopFeed(); return nil })
}

// start starts a worker in addition to those there are.
func (f *field) start(ctx context.Context, environment ...string) (*service.Worker, error) {
	return f.startOf(ctx, f.binary, environment...)
}

// startOf is start of another program.
func (f *field) startOf(ctx context.Context, binary string, environment ...string) (*service.Worker, error) {
	w, err := f.launch(ctx, binary, environment...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.workers = append(f.workers, w)
	}
	return w, err
}

// stray starts a worker whose end is the row's business: nobody starts it again.
func (f *field) stray(ctx context.Context, environment ...string) (*service.Worker, error) {
	w, err := f.launch(ctx, f.binary, environment...)
	if err == nil {
		f.later(func() error {
			w.Kill()
			return nil
		})
	}
	return w, err
}

func (f *field) launch(ctx context.Context, binary string, environment ...string) (*service.Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started++
	return f.service.StartOf(ctx, binary, f.started, append(f.environment, environment...)...)
}

// running are the workers that there are now.
func (f *field) running() []*service.Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*service.Worker(nil), f.workers...)
}

// any is one of the workers.
func (f *field) any() *service.Worker {
	all := f.running()
	return all[f.chance.IntN(len(all))]
}

// release lets a worker's end be no trouble; nobody starts it again.
func (f *field) release(w *service.Worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.workers {
		if f.workers[i] == w {
			f.workers = append(f.workers[:i:i], f.workers[i+1:]...)
			return
		}
	}
}

// kill ends a worker as a crash would, and tells when. Nobody takes its place.
func (f *field) kill(w *service.Worker) time.Time {
	f.release(w)
	at := time.Now()
	w.Kill()
	return at
}

// terminate asks a worker to end, and tells how long it took. Nobody takes its place.
func (f *field) terminate(ctx context.Context, w *service.Worker) (time.Duration, error) {
	f.release(w)
	asked := time.Now()
	w.Signal(syscall.SIGTERM)
	select {
	case <-w.Ended():
	case <-ctx.Done():
		return 0, fmt.Errorf("a worker that was asked to end did not: %s", w.LastWords())
	}
	if w.Code() != 0 {
		return 0, fmt.Errorf("a worker that was asked to end did with code %d: %s", w.Code(), w.LastWords())
	}
	return w.End().Sub(asked), nil
}

// tendInterval is how soon a worker that ended by itself is seen.
const tendInterval = 100 * time.Millisecond

// tend starts workers again that refused to start, as an orchestrator would,
// until the row ends. Any other end by itself fails the row: a worker that has
// begun to work outlasts whatever happens to its servers.
func (f *field) tend(ctx context.Context) {
	if f.tended {
		return
	}
	f.tended = true
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(tendInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f.replace(ctx)
			}
		}
	}()
	f.later(func() error {
		cancel()
		<-done
		return nil
	})
}

func (f *field) replace(ctx context.Context) {
	for _, w := range f.running() {
		if !w.Gone() {
			continue
		}
		f.release(w)
		refused := w.Code() == 1 && !w.Gained()
		_, err := f.start(ctx)
		f.mu.Lock()
		if refused {
			f.refusals++
		} else {
			err = errors.Join(err, fmt.Errorf("worker %d ended by itself with code %d: %s", w.Number, w.Code(), w.LastWords()))
		}
		f.trouble = errors.Join(f.trouble, err)
		f.mu.Unlock()
	}
}

// consumed waits until every record is stored.
func (f *field) consumed(ctx context.Context) error { return f.consumedWithin(ctx, patience) }

func (f *field) consumedWithin(ctx context.Context, limit time.Duration) error {
	if err := real.Await(ctx, limit, f.service.Consumed); err != nil {
		return fmt.Errorf("waiting until all is consumed: %w", err)
	}
	return nil
}

// settled waits until every worker is ready: before that, one that is asked to end
// has nothing to bring to rest, or does not even listen.
func (f *field) settled(ctx context.Context) error {
	err := real.Await(ctx, time.Minute, func(ctx context.Context) error {
		live := 0
		for _, w := range f.running() {
			report, err := w.Ready(ctx)
			if err != nil {
				return err
			}
			if !report.OK {
				return fmt.Errorf("worker %d is not ready: %+v", w.Number, report.Reasons)
			}
			live += report.Shards[pipeline.Live.String()]
		}
		if live != shards {
			return fmt.Errorf("%d shards are live", live)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("waiting until every worker is ready: %w", err)
	}
	return nil
}

// end ends the trade, waits until everything is consumed, and drains the workers.
func (f *field) end(ctx context.Context) error {
	f.stopFeed()
	if err := f.shop.Flush(ctx); err != nil {
		return err
	}
	if err := f.consumed(ctx); err != nil {
		return err
	}
	if err := f.settled(ctx); err != nil {
		return err
	}
	return f.drain(ctx)
}

// drain asks all workers to end, and returns when they have.
func (f *field) drain(ctx context.Context) error {
	var draining sync.WaitGroup
	all := f.running()
	errs := make([]error, len(all))
	for i, w := range all {
		draining.Go(func() { _, errs[i] = f.terminate(ctx, w) })
	}
	draining.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(errors.Join(errs...), f.trouble)
}

// judge compares what there is with what the log says, by tidemark verify and by
// counting. Workers must have ended.
func (f *field) judge(ctx context.Context) error {
	report, err := f.service.Verify(ctx)
	if err != nil {
		return err
	}
	account, err := f.service.Account(ctx)
	if err != nil {
		return err
	}
	f.account = *account
	if report.Unsent > 0 {
		f.account.Lost += report.Unsent
		f.account.First = append(f.account.First, fmt.Sprintf("%d changes were never sent", report.Unsent))
	}
	if report.Records.Consumed != account.Records {
		err = fmt.Errorf("%d records were consumed, but the inputs hold %d", report.Records.Consumed, account.Records)
	}
	if f.trouble != nil {
		err = errors.Join(err, f.trouble)
	}
	if !report.Good() {
		err = errors.Join(err, fmt.Errorf("tidemark verify finds %d differences: %+v", report.Differences, report.First))
	}
	if !account.Good() {
		err = errors.Join(err, fmt.Errorf("a plain reader finds: %v", account.First))
	}
	if f.account.Lost > 0 && account.Lost == 0 {
		err = errors.Join(err, fmt.Errorf("%v", f.account.First))
	}
	if n := account.Repeats; n > 0 {
		f.remark("%d repeats", n)
		if f.once {
			err = errors.Join(err, errors.New("no change may be published twice"))
		}
	}
	if n := account.Letters; n > account.Records/50 {
		f.remark("%d dead letters, with their bytes", n)
	}
	if n := len(report.Rewound); n > 0 {
		f.remark("%d shards rewound", n)
	}
	if f.refusals > 0 {
		f.remark("%d refusals to start", f.refusals)
	}
	return err
}

// recovers writes an event to every shard, waits for the changes that they cause,
// and notes how long after since the last of them came.
func (f *field) recovers(ctx context.Context, since time.Time) error {
	last, err := f.probes.probe(ctx, f.shop)
	if err != nil {
		return err
	}
	took := last.Sub(since)
	f.recovered = append(f.recovered, took)
	if f.bound > 0 && took > f.bound {
		return fmt.Errorf("the shards were live again after %v, which should take %v at most", took, f.bound)
	}
	return nil
}

// close ends whatever still runs.
func (f *field) close() (err error) {
	for _, w := range f.running() {
		f.kill(w)
	}
	for i := len(f.closing) - 1; i >= 0; i-- {
		err = errors.Join(err, f.closing[i]())
	}
	for _, w := range f.running() { // tend may have started one more
		f.kill(w)
	}
	if f.service != nil && f.kafka != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = errors.Join(err, f.service.DeleteTopics(ctx)) // those that were never made are none
	}
	return err
}

// pause lets time go by, as part of a fault.
func (f *field) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
