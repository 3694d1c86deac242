//go:build real

package real_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/partition"
)

// The dose of the end-to-end run.
const (
	processes  = 3
	rounds     = 60 // of a second each
	perRound   = 5000
	kills      = 20
	snapshotAt = 20 // round
	brokerAt   = 30
	rollbackAt = 40
	shards     = 12
)

// Customers move between segments within seconds, so that a minute holds
// thousands of deadlines.
const hasty = `policy:
  name: hasty
  window: 10m
  lifecycle: {loyal_orders: 3, active_within: 15s, churn_after: 30s, engaged_within: 10s, prospect_churn_after: 20s}
`

// Workers as processes of their own, real servers, live clocks; workers are killed
// all the time, Redis goes back by twenty seconds, the broker dies. Then the log
// is what decides.
func TestEndToEnd(t *testing.T) {
	kafka, redis := sharedKafka(t), startRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	run := newService(t, kafka, redis)
	for range processes {
		run.workers = append(run.workers, run.start())
	}
	shop := newBazaar(t, run)
	var before real.Snapshot
	second := time.NewTicker(time.Second)
	defer second.Stop()
	killed := 0
	for round := range rounds {
		shop.trade(perRound)
		var err error
		switch round {
		case snapshotAt:
			before, err = redis.Snapshot()
		case brokerAt:
			kafka.Kill(0)
			err = kafka.Restart(0)
		case rollbackAt:
			err = redis.Rollback(before)
		}
		require.NoError(t, err)
		if round%(rounds/kills) == rounds/kills-1 {
			i := shop.chance.IntN(processes)
			run.workers[i].kill()
			run.workers[i] = run.start()
			killed++
		}
		select {
		case <-second.C:
		case <-run.ctx.Done():
			require.NoError(t, run.ctx.Err())
		}
	}
	require.Equal(t, kills, killed)

	began := time.Now()
	run.consumed(shop.client)
	t.Logf("%d events in %d rounds; all consumed %.1f s after the last", shop.sent, rounds, time.Since(began).Seconds())
	for _, w := range run.workers {
		require.LessOrEqual(t, w.drain(), pipeline.DrainTimeout+2*time.Second, "a worker that is asked to end does so")
	}
	report := run.verify()
	require.True(t, report.Good(), report)
	require.GreaterOrEqual(t, report.Records.Consumed, int64(rounds*perRound))
	require.Len(t, report.Rewound, shards, "Redis lost what was published, and this shows")
}

// service is a namespace whose workers are processes.
type service struct {
	t       *testing.T
	ctx     context.Context
	dir     string
	binary  string
	where   pipeline.Servers
	workers []*process
}

func newService(t *testing.T, kafka *real.Kafka, redis *real.Redis) *service {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	s := &service{t: t, ctx: ctx, dir: t.TempDir(), where: pipeline.Servers{Kafka: source.Config{Brokers: kafka.Brokers()}, Redis: store.Config{Addrs: []string{redis.Addr()}},
		Namespace: "e2e", Inputs: []string{unused("clicks"), unused("purchases")}, Changes: unused("changes"), DeadLetters: unused("dead")}}
	s.binary = filepath.Join(s.dir, "tidemark")
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "../../cmd/tidemark")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	file := fmt.Sprintf("namespace: e2e\nkafka:\n  brokers: [%q]\n  inputs: [{topic: %s}, {topic: %s}]\n  topics: {changes: %s, dead_letters: %s}\n  session_timeout: 1s\n"+
		"redis: {addrs: [%q]}\nserver: {listen: \"\"}\nstart: {publish: all}\ntimer_grace: 1s\n%s", s.where.Kafka.Brokers[0], s.where.Inputs[0], s.where.Inputs[1], s.where.Changes, s.where.DeadLetters, redis.Addr(), hasty)
	require.NoError(t, os.WriteFile(s.config(), []byte(file), 0o600))
	text, err := s.command("topics", "--create", "--partitions", fmt.Sprint(shards), "--replication-factor", "1").CombinedOutput()
	require.NoError(t, err, "%s", text)
	return s
}

func (s *service) config() string { return filepath.Join(s.dir, "tidemark.yaml") }

func (s *service) command(name string, args ...string) *exec.Cmd {
	return exec.CommandContext(s.ctx, s.binary, append([]string{name, "-c", s.config()}, args...)...)
}

// process is one worker.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan error
}

func (s *service) start() *process {
	p := &process{t: s.t, cmd: s.command("run"), ended: make(chan error, 1)}
	p.cmd.Stderr = &p.stderr
	require.NoError(s.t, p.cmd.Start())
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() { p.ended <- p.cmd.Wait() }()
	return p
}

// kill ends the worker as a crash would. It must not have ended before.
func (p *process) kill() {
	select {
	case err := <-p.ended:
		require.FailNow(p.t, "a worker ended by itself", "%v\n%s", err, &p.stderr)
	default:
	}
	require.NoError(p.t, p.cmd.Process.Kill())
	<-p.ended
}

// drain asks the worker to end, and tells how long it took.
func (p *process) drain() time.Duration {
	began := time.Now()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, <-p.ended, "%s", &p.stderr)
	return time.Since(began)
}

// consumed waits until every record is stored and every change published.
func (s *service) consumed(client *source.Client) {
	connection, err := pipeline.Connect(s.where)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, connection.Close()) }()
	for shard := range int32(shards) {
		err := real.Await(s.ctx, 2*time.Minute, func(ctx context.Context) error {
			session, err := connection.Redis.Session(ctx, shard)
			if err != nil {
				return err
			}
			state, err := session.Head(ctx)
			if err := errors.Join(err, session.Close()); err != nil {
				return err
			}
			for i := range state.Topics {
				_, end, err := client.Bounds(ctx, state.Topics[i].Name, shard)
				if err != nil || state.Topics[i].Next < end {
					return errors.Join(err, fmt.Errorf("shard %d is at %d of %d", shard, state.Topics[i].Next, end))
				}
			}
			if state.Adopt != nil {
				return fmt.Errorf("shard %d has adopted customers", shard)
			}
			return nil
		})
		require.NoError(s.t, err)
	}
}

// verify lets the command judge: for people, and for this test.
func (s *service) verify() *verify.Report {
	text, _ := s.command("verify").CombinedOutput() // the second one's exit code is looked at
	s.t.Logf("\n%s", text)
	var stdout, stderr bytes.Buffer
	cmd := s.command("verify", "--output", "json")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	require.True(s.t, err == nil || errors.As(err, &exit), "%v: %s", err, &stderr)
	var report verify.Report
	require.NoError(s.t, json.Unmarshal(stdout.Bytes(), &report))
	return &report
}

// bazaar trades live: events of now, some late, some broken.
type bazaar struct {
	t        *testing.T
	ctx      context.Context
	client   *source.Client
	producer *sink.Producer
	inputs   []string
	chance   *rand.Rand
	people   *rand.Zipf
	sent     int
}

func newBazaar(t *testing.T, s *service) *bazaar {
	client, err := source.Open(source.Config{Brokers: s.where.Kafka.Brokers, Topics: s.where.Inputs, ClientID: "bazaar"})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	return &bazaar{t: t, ctx: s.ctx, client: client, producer: sink.New(client), inputs: s.where.Inputs,
		chance: chance, people: rand.NewZipf(chance, 1.1, 50, 20_000)}
}

// trade writes so many events, each once acknowledged: producers try again.
func (b *bazaar) trade(events int) {
	type place struct {
		topic string
		shard int32
	}
	pending := map[place][]sink.Record{}
	for range events {
		customer := fmt.Sprintf("c-%d", b.people.Uint64())
		value, topic := b.event(customer)
		at := place{b.inputs[topic], partition.Murmur2.Partition(customer, shards)}
		pending[at] = append(pending[at], sink.Record{Key: []byte(customer), Value: value, Time: time.Now().UnixMilli()})
	}
	for at, records := range pending {
		err := real.Await(b.ctx, time.Minute, func(ctx context.Context) error {
			_, err := b.producer.Produce(ctx, at.topic, at.shard, records)
			return err
		})
		require.NoError(b.t, err)
	}
}

// event is one customer's, and the input that it goes to.
func (b *bazaar) event(customer string) (value []byte, topic int) {
	b.sent++
	const clicks, purchases = 0, 1
	at := time.Now().UTC()
	if b.chance.IntN(20) == 0 {
		at = at.Add(-time.Duration(b.chance.IntN(60_000)) * time.Millisecond)
	}
	head := fmt.Sprintf(`{"id":"e-%d","customer_id":%q,"occurred_at":%q,`, b.sent, customer, at.Format("2006-01-02T15:04:05.000Z"))
	order := fmt.Sprintf(`"order_id":"o-%s-%d"`, customer, b.chance.IntN(50))
	switch n := b.chance.IntN(1000); {
	case n < 5:
		return []byte(head), clicks // cut short
	case n < 300:
		return []byte(head + order + fmt.Sprintf(`,"type":"purchase","amount":"%d.%02d"}`, b.chance.IntN(200), b.chance.IntN(100))), purchases
	case n < 330:
		return []byte(head + order + fmt.Sprintf(`,"type":"refund","amount":"%d"}`, b.chance.IntN(100))), purchases
	case n < 332:
		return []byte(head + `"type":"forget"}`), purchases
	default:
		return []byte(head + `"type":"click","action":"view"}`), clicks
	}
}
