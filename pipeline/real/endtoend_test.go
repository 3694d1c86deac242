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
	"strings"
	"sync"
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
	run := newService(t, kafka, redis)
	shop := newBazaar(t, run)

	run.begin()
	run.phase(shop, rounds-1, map[int]func() error{15: run.outage(func() error {
		kafka.Kill(0)
		return kafka.Restart(0)
	})})
	run.settled()
	shop.trade(perRound / 2) // some of it is in hand when they are asked
	asked := run.terminate()
	shop.trade(perRound / 2)
	t.Logf("workers that were asked to end amid the trade did in %.2f s", run.drained(asked).Seconds())
	report := run.verify()
	require.True(t, report.Good(), report)
	require.Empty(t, report.Rewound, "the strict judge is to look at every shard")
	require.Zero(t, report.Unsent, "what was in hand is published when a worker ends")
	require.GreaterOrEqual(t, report.Records.Consumed, int64(rounds*perRound*4/5), "of what came before, at most the last seconds can wait")

	run.begin()
	var before real.Snapshot
	run.phase(shop, rounds, map[int]func() error{
		6: func() (err error) {
			before, err = redis.Snapshot()
			return err
		},
		21: run.outage(func() error { return redis.Rollback(before) }),
	})
	require.Equal(t, 2*rounds*perRound, shop.sent)
	require.Equal(t, 20, run.kills)
	began := time.Now()
	run.consumed(shop.client)
	t.Logf("all consumed %.1f s after the last event", time.Since(began).Seconds())
	run.settled()
	run.drained(run.terminate())
	report = run.verify()
	require.True(t, report.Good(), report)
	require.GreaterOrEqual(t, report.Records.Consumed, int64(shop.sent))
	require.Len(t, report.Rewound, shards, "Redis lost what was published, and this shows")
	t.Logf("%d events, %d kills, %d workers started again that had refused to start", shop.sent, run.kills, run.refusals)
}

// service is a namespace whose workers are processes.
type service struct {
	t       *testing.T
	ctx     context.Context
	dir     string
	binary  string
	where   pipeline.Servers
	workers []*process

	kills    int
	away     struct{ from, to time.Time } // the last outage of a server
	refusals int                          // to start because of one
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

// phase trades, a round each second. Some rounds hold an incident; every third
// one ends with the death of a worker.
func (s *service) phase(shop *bazaar, rounds int, incidents map[int]func() error) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for round := range rounds {
		shop.trade(perRound)
		if incident := incidents[round]; incident != nil {
			require.NoError(s.t, incident())
		}
		if round%perKill == 1 {
			s.kill(shop.chance.IntN(processes))
		}
		s.tend()
		select {
		case <-second.C:
		case <-s.ctx.Done():
			require.NoError(s.t, s.ctx.Err())
		}
	}
}

// outage is an incident during which a server is away. It lasts for some seconds
// more: the partitions have their leaders a moment after the broker answers.
func (s *service) outage(incident func() error) func() error {
	return func() error {
		s.away.from = time.Now()
		err := incident()
		s.away.to = time.Now().Add(5 * time.Second)
		return err
	}
}

func (s *service) begin() {
	s.workers = nil
	for range processes {
		s.workers = append(s.workers, s.start())
	}
}

// kill ends a worker as a crash would, and starts another in its place.
func (s *service) kill(i int) {
	for {
		w := s.workers[i]
		_ = w.cmd.Process.Kill() // one that has just ended cannot be killed
		<-w.ended
		s.workers[i] = s.start()
		if w.code == killed {
			s.kills++
			return
		}
		s.excuse(w)
	}
}

// tend starts workers again that refused to start, as an orchestrator would.
func (s *service) tend() {
	for i, w := range s.workers {
		select {
		case <-w.ended:
			s.excuse(w)
			s.workers[i] = s.start()
		default:
		}
	}
}

// excuse accepts one reason only for which a worker ended by itself: a server was
// away that it had still to ask whether it may start. A worker that has begun to
// work outlasts its servers' outages.
func (s *service) excuse(w *process) {
	refused := w.code == 1 && !w.stderr.tells(gained)
	require.True(s.t, refused && w.end.After(s.away.from) && w.began.Before(s.away.to), "a worker ended by itself with code %d\n%s", w.code, &w.stderr)
	s.refusals++
	s.t.Logf("a worker refused to start: %s", &w.stderr)
}

// settled waits until every worker has had a shard. Before that a worker that is
// asked to end has nothing to bring to rest, or has not even begun to listen.
func (s *service) settled() {
	require.NoError(s.t, real.Await(s.ctx, time.Minute, func(context.Context) error {
		s.tend()
		for _, w := range s.workers {
			if !w.stderr.tells(gained) {
				return fmt.Errorf("a worker has no shard\n%s", &w.stderr)
			}
		}
		return nil
	}))
}

// terminate asks the workers to end, and tells when.
func (s *service) terminate() time.Time {
	asked := time.Now()
	for _, w := range s.workers {
		require.NoError(s.t, w.cmd.Process.Signal(syscall.SIGTERM))
	}
	return asked
}

// drained waits until the workers have ended, which they do well and in time, and
// tells how long the last one took.
func (s *service) drained(asked time.Time) (longest time.Duration) {
	for _, w := range s.workers {
		<-w.ended
		require.Zero(s.t, w.code, &w.stderr)
		longest = max(longest, w.end.Sub(asked))
	}
	require.LessOrEqual(s.t, longest, pipeline.DrainTimeout+2*time.Second, "a worker that is asked to end does so")
	return longest
}

// process is one worker.
type process struct {
	cmd    *exec.Cmd
	stderr lines
	began  time.Time
	ended  chan struct{} // closed when it has; then there are
	code   int
	end    time.Time
}

const (
	killed = -1         // exit code
	gained = `"gained"` // what a worker says of a shard
)

func (s *service) start() *process {
	p := &process{cmd: s.command("run"), began: time.Now(), ended: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	require.NoError(s.t, p.cmd.Start())
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	go func() {
		_ = p.cmd.Wait() // the code says it
		p.code, p.end = p.cmd.ProcessState.ExitCode(), time.Now()
		close(p.ended)
	}()
	return p
}

// lines are what a process has written so far.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) tells(what string) bool { return strings.Contains(l.String(), what) }

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
