package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

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
	crew

	runs      int
	told      int // runs in which somebody noticed that Redis went back
	untold    int // and in which nobody could
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
	f.later(func() error { f.clear(s); return nil })
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

// consumed waits until every record is stored.
func (f *field) consumed(ctx context.Context) error { return f.consumedWithin(ctx, patience) }

func (f *field) consumedWithin(ctx context.Context, limit time.Duration) error {
	if err := real.Await(ctx, limit, f.service.Consumed); err != nil {
		return fmt.Errorf("waiting until all is consumed: %w", err)
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
	return errors.Join(err, f.unnoticed())
}

// recovers writes an event to every shard, waits for the changes that they cause,
// and notes how long after since the last of them came. How long it may take is
// said of a machine of which nobody else wants anything, as a reduced dose has none.
func (f *field) recovers(ctx context.Context, since time.Time) error {
	last, err := f.probes.probe(ctx, f.shop)
	if err != nil {
		return err
	}
	took := last.Sub(since)
	f.recovered = append(f.recovered, took)
	if limit := f.bounded(f.bound); f.bound > 0 && took > limit {
		return fmt.Errorf("the shards were live again after %v, which should take %v at most", took, limit)
	}
	return nil
}

// bounded is how long something may take that takes so long at most on a machine
// of its own.
func (f *field) bounded(most time.Duration) time.Duration {
	if f.fullDose {
		return most
	}
	return 10 * most
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
		f.clear(f.service)
	}
	return err
}

// clear deletes the topics of a service; those that were never made are none. What
// is left of them is in nobody's way.
func (f *field) clear(s *service.Service) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.DeleteTopics(ctx); err != nil {
		f.remark("topics are left: %v", err)
	}
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
