//go:build real

package real_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
	"github.com/tidemark/tidemark/pipeline/verify"
)

// The dose of the end-to-end run: two phases.
const (
	processes = 3
	rounds    = 30 // of a phase, of a second each
	perRound  = 5000
	perKill   = 3 // rounds
	shards    = 12
)

// Customers move between segments within seconds, so that a minute holds
// thousands of deadlines.
const hasty = `policy:
  name: hasty
  window: 10m
  lifecycle: {loyal_orders: 3, active_within: 15s, churn_after: 30s, engaged_within: 10s, prospect_churn_after: 20s}
`

// Workers as processes of their own, real servers, live clocks; workers are killed
// all the time. First the broker dies, and the workers are asked to end amid the
// trade: the log then decides about every change. Then Redis goes back by fifteen
// seconds: of a shard that this happened to, verify cannot know as much, so this
// is a phase of its own.
func TestEndToEnd(t *testing.T) {
	kafka, redis := sharedKafka(t), startRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	run := newEndToEnd(t, kafka, redis)

	run.begin()
	run.phase(rounds-1, map[int]func() error{15: run.outage(func() error {
		kafka.Kill(0)
		return kafka.Restart(0)
	})})
	traded := run.shop.Written()
	require.NoError(t, real.Await(run.ctx, 2*time.Minute, run.Consumed))
	run.settled()
	run.trade(perRound / 2) // some of it is in hand when they are asked
	asked := run.terminate()
	run.trade(perRound / 2)
	t.Logf("workers that were asked to end amid the trade did in %.2f s", run.drained(asked).Seconds())
	report := run.verify()
	require.True(t, report.Good(), report)
	require.Empty(t, report.Rewound, "the strict judge is to look at every shard")
	require.Zero(t, report.Unsent, "what was in hand is published when a worker ends")
	require.GreaterOrEqual(t, report.Records.Consumed, traded)

	run.begin()
	var before real.Snapshot
	run.phase(rounds, map[int]func() error{
		6: func() (err error) {
			before, err = redis.Snapshot(run.ctx)
			return err
		},
		21: run.outage(func() error { return redis.Rollback(before) }),
	})
	require.Equal(t, int64(2*rounds*perRound), run.shop.Written())
	require.Equal(t, 20, run.kills)
	began := time.Now()
	require.NoError(t, real.Await(run.ctx, 2*time.Minute, run.Consumed))
	t.Logf("all consumed %.1f s after the last event", time.Since(began).Seconds())
	run.settled()
	run.drained(run.terminate())
	report = run.verify()
	require.True(t, report.Good(), report)
	require.GreaterOrEqual(t, report.Records.Consumed, run.shop.Written())
	require.Len(t, report.Rewound, shards, "Redis lost what was published, and this shows")
	t.Logf("%d events, %d kills, %d workers started again that had refused to start", run.shop.Written(), run.kills, run.refusals)
}

// endToEnd is a service under test.
type endToEnd struct {
	*service.Service
	t       *testing.T
	ctx     context.Context
	shop    *service.Shop
	chance  *rand.Rand
	workers []*service.Worker
	started int

	kills    int
	away     struct{ from, to time.Time } // the last outage of a server
	refusals int                          // to start because of one
}

func newEndToEnd(t *testing.T, kafka *real.Kafka, redis *real.Redis) *endToEnd {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	dir := t.TempDir()
	binary := filepath.Join(dir, "tidemark")
	require.NoError(t, service.Build(ctx, binary))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s, err := service.New(service.Options{Name: unused("e2e"), Binary: binary, Dir: dir, Kafka: kafka.Brokers(),
		Redis: service.Redis{Addrs: []string{redis.Addr()}}, Shards: shards, Session: time.Second, Policy: hasty})
	require.NoError(t, err)
	require.NoError(t, s.CreateTopics(ctx))
	shop, err := s.Open(service.Usual(seed))
	require.NoError(t, err)
	t.Cleanup(shop.Close)
	return &endToEnd{Service: s, t: t, ctx: ctx, shop: shop, chance: rand.New(rand.NewPCG(seed, 2))}
}

// phase trades, a round each second. Some rounds hold an incident; every third
// one ends with the death of a worker.
func (e *endToEnd) phase(rounds int, incidents map[int]func() error) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for round := range rounds {
		e.trade(perRound)
		if incident := incidents[round]; incident != nil {
			require.NoError(e.t, incident())
		}
		if round%perKill == 1 {
			e.kill(e.chance.IntN(processes))
		}
		e.tend()
		select {
		case <-second.C:
		case <-e.ctx.Done():
			require.NoError(e.t, e.ctx.Err())
		}
	}
}

// trade writes so many events, and returns when Kafka has them.
func (e *endToEnd) trade(events int) {
	e.shop.Trade(e.ctx, events)
	require.NoError(e.t, e.shop.Flush(e.ctx))
}

// outage is an incident during which a server is away. It lasts until the
// partitions have their leaders, which is a moment after the broker answers.
func (e *endToEnd) outage(incident func() error) func() error {
	return func() error {
		e.away.from = time.Now()
		err := incident()
		if err == nil {
			err = real.Await(e.ctx, time.Minute, e.led)
		}
		e.away.to = time.Now()
		return err
	}
}

// led fails while a partition's leader does not answer.
func (e *endToEnd) led(ctx context.Context) error {
	_, err := service.Ends(ctx, e.Kafka, e.Purchases, e.Clicks, e.Changes, e.Letters)
	return err
}

func (e *endToEnd) begin() {
	e.workers = nil
	for range processes {
		e.workers = append(e.workers, e.start())
	}
}

func (e *endToEnd) start() *service.Worker {
	e.started++
	w, err := e.Start(e.ctx, e.started)
	require.NoError(e.t, err)
	e.t.Cleanup(w.Kill)
	return w
}

// kill ends a worker as a crash would, and starts another in its place.
func (e *endToEnd) kill(i int) {
	for {
		w := e.workers[i]
		w.Kill()
		e.workers[i] = e.start()
		if w.Code() == service.Killed {
			e.kills++
			return
		}
		e.excuse(w)
	}
}

// tend starts workers again that refused to start, as an orchestrator would.
func (e *endToEnd) tend() {
	for i, w := range e.workers {
		if w.Gone() {
			e.excuse(w)
			e.workers[i] = e.start()
		}
	}
}

// excuse accepts one reason only for which a worker ended by itself: a server was
// away that it had still to ask whether it may start. A worker that has begun to
// work outlasts its servers' outages.
func (e *endToEnd) excuse(w *service.Worker) {
	refused := w.Code() == 1 && !w.Gained()
	require.True(e.t, refused && w.End().After(e.away.from) && w.Began.Before(e.away.to), "a worker ended by itself with code %d\n%s", w.Code(), w.LastWords())
	e.refusals++
	e.t.Logf("a worker refused to start: %s", w.LastWords())
}

// settled waits until every worker has had a shard. Before that a worker that is
// asked to end has nothing to bring to rest, or has not even begun to listen.
func (e *endToEnd) settled() {
	require.NoError(e.t, real.Await(e.ctx, time.Minute, func(context.Context) error {
		e.tend()
		for _, w := range e.workers {
			if !w.Gained() {
				return fmt.Errorf("a worker has no shard\n%s", w.LastWords())
			}
		}
		return nil
	}))
}

// terminate asks the workers to end, and tells when.
func (e *endToEnd) terminate() time.Time {
	asked := time.Now()
	for _, w := range e.workers {
		w.Signal(syscall.SIGTERM)
	}
	return asked
}

// drained waits until the workers have ended, which they do well and in time, and
// tells how long the last one took.
func (e *endToEnd) drained(asked time.Time) (longest time.Duration) {
	for _, w := range e.workers {
		<-w.Ended()
		require.Zero(e.t, w.Code(), w.LastWords())
		longest = max(longest, w.End().Sub(asked))
	}
	require.LessOrEqual(e.t, longest, pipeline.DrainTimeout+2*time.Second, "a worker that is asked to end does so")
	return longest
}

// verify lets the command judge, and counts besides.
func (e *endToEnd) verify() *verify.Report {
	report, err := e.Verify(e.ctx)
	require.NoError(e.t, err)
	account, err := e.Account(e.ctx)
	require.NoError(e.t, err)
	require.True(e.t, account.Good(), account)
	return report
}
