package pipeline_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partitions = 3

// world is an embedded Kafka and Redis with a namespace's topics.
type world struct {
	t       *testing.T
	servers *embedded.Servers
	where   pipeline.Servers
	*pipeline.Connection
}

func newWorld(t *testing.T) *world {
	servers, err := embedded.Start(embedded.Options{Topics: map[string]int32{
		"purchases": partitions, "clicks": partitions, "changes": partitions, "dead": partitions}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	w := &world{t: t, servers: servers, where: pipeline.Servers{Kafka: source.Config{Brokers: servers.Brokers()}, Redis: store.Config{Addrs: []string{servers.RedisAddr()}},
		Namespace: "test", Inputs: []string{"purchases", "clicks"}, Changes: "changes", DeadLetters: "dead"}}
	w.Connection = w.connect()
	return w
}

// connect makes clients of their own, as another process would.
func (w *world) connect() *pipeline.Connection {
	c, err := pipeline.Connect(w.where)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, c.Close()) })
	return c
}

func (w *world) produce(topic string, values ...string) {
	for _, v := range values {
		var customer, at string
		_, err := fmt.Sscanf(v, `{"customer_id":%q,"occurred_at":%q,`, &customer, &at)
		require.NoError(w.t, err, v)
		ms, ok := instant.Parse(at)
		require.True(w.t, ok)
		to := partition.Murmur2.Partition(customer, partitions)
		_, err = w.Producer.Produce(w.t.Context(), topic, to, []sink.Record{{Key: []byte(customer), Value: []byte(v), Time: ms}})
		require.NoError(w.t, err)
	}
}

// event writes an event with the fields that produce looks for in front.
func event(customer, at, rest string) string {
	return fmt.Sprintf(`{"customer_id":%q,"occurred_at":%q,%s}`, customer, at, rest)
}

func replayConfig() pipeline.Config {
	return pipeline.Config{Namespace: "test", Inputs: []string{"purchases", "clicks"}, Changes: "changes",
		Partitions: partitions, Policy: policy.Default(), Publish: pipeline.PublishAll, Until: instant.None,
		Limits: pipeline.DefaultLimits(), Log: zap.NewNop()}
}

// read returns everything in a topic.
func (w *world) read(topic string) (values []string, records []recordbatch.Record) {
	for p := range int32(partitions) {
		_, end, err := w.Client.Bounds(w.t.Context(), topic, p)
		require.NoError(w.t, err)
		for at := int64(0); at < end; {
			answers, err := w.Client.Fetch(w.t.Context(), []source.Position{{Topic: topic, Partition: p, Offset: at, MaxBytes: 1 << 20}}, time.Second, 1<<20)
			require.NoError(w.t, err)
			require.NoError(w.t, answers[0].Err)
			var r recordbatch.Reader
			r.Reset(answers[0].Raw, at, answers[0].Aborted)
			var record recordbatch.Record
			for {
				ok, err := r.Next(&record)
				require.NoError(w.t, err)
				if !ok {
					break
				}
				values = append(values, string(record.Value))
				records = append(records, record)
			}
			at = r.Position()
		}
	}
	return values, records
}

func TestPurchaseToChange(t *testing.T) {
	w := newWorld(t)
	w.produce("purchases", event("c-1", "2026-01-01T10:00:00Z", `"id":"e1","type":"purchase","amount":"12.50"`))
	w.produce("clicks", event("c-1", "2026-01-02T10:00:00Z", `"id":"e2","type":"click"`))
	config := replayConfig()
	config.Until, _ = instant.Parse("2027-01-01T00:00:00Z")
	p, err := pipeline.New(config, w.Ports())
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context()))

	values, records := w.read("changes")
	var got []string
	for _, v := range values {
		head, err := change.Parse([]byte(v))
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%s %d %s>%s %s", head.Customer, head.Version, head.From, head.To, instant.Format(head.EffectiveAt)))
	}
	require.Equal(t, []string{
		"c-1 1 >potential 2026-01-01T10:00:00.000Z",
		"c-1 2 potential>edge 2026-04-01T10:00:00.000Z",
		"c-1 3 edge>churned 2026-06-30T10:00:00.000Z",
	}, got)
	at, _ := records[1].Header("tidemark-at")
	require.JSONEq(t, `{"offsets":{"clicks":1,"purchases":1},"stream_time":"2027-01-01T00:00:00.000Z"}`, string(at))
}

// killer cuts a run at its n-th step of one kind, before or after it took effect.
type killer struct {
	pipeline.Ports
	kind   string
	after  bool
	left   atomic.Int64
	cancel context.CancelFunc
}

func (k *killer) step(kind string, do func() error) error {
	struck := kind == k.kind && k.left.Add(-1) == 0
	if struck && !k.after {
		k.cancel()
		return context.Canceled
	}
	err := do()
	if struck {
		k.cancel()
		return context.Canceled
	}
	return err
}

func (k *killer) ProduceIf(ctx context.Context, topic string, p int32, records []sink.Record, may func() bool) (base int64, err error) {
	err = k.step("publish", func() (err error) {
		base, err = k.Sink.ProduceIf(ctx, topic, p, records, may)
		return err
	})
	return base, err
}

func (k *killer) Write(ctx context.Context, letters []deadletter.Letter) error {
	return k.step("bury", func() error { return k.Letters.Write(ctx, letters) })
}

func (k *killer) Session(ctx context.Context, shard int32) (store.Session, error) {
	session, err := k.Store.Session(ctx, shard)
	return &killedSession{Session: session, killer: k}, err
}

type killedSession struct {
	store.Session
	killer *killer
}

func (s *killedSession) TakeOver(ctx context.Context, expect, fresh string) (state store.State, outbox []byte, err error) {
	err = s.killer.step("take", func() (err error) {
		state, outbox, err = s.Session.TakeOver(ctx, expect, fresh)
		return err
	})
	return state, outbox, err
}

func (s *killedSession) Load(ctx context.Context, customers []string) (values [][]byte, err error) {
	err = s.killer.step("load", func() (err error) {
		values, err = s.Session.Load(ctx, customers)
		return err
	})
	return values, err
}

func (s *killedSession) Due(ctx context.Context, from int64, limit int) (timers []store.Timer, err error) {
	err = s.killer.step("due", func() (err error) {
		timers, err = s.Session.Due(ctx, from, limit)
		return err
	})
	return timers, err
}

func (s *killedSession) Commit(ctx context.Context, c *store.Commit) error {
	return s.killer.step("commit", func() error { return s.Session.Commit(ctx, c) })
}

// workload is a few customers over two years, with everything that happens to
// them, a bad record now and then.
func workload(w *world) {
	begin, _ := instant.Parse("2024-01-01T00:00:00Z")
	for i := range 240 {
		at := instant.Format(begin + int64(i)*3*24*3600*1000)
		customer := fmt.Sprintf("c-%d", i*i%17)
		switch {
		case i%20 == 19:
			w.produce("purchases", event(customer, at, `"id":"bad","type":"purchase"`))
		case i%7 == 3:
			w.produce("purchases", event(customer, at, fmt.Sprintf(`"id":"r%d","type":"refund","order_id":"e%d"`, i, i-17)))
		case i%3 == 0:
			w.produce("clicks", event(customer, at, fmt.Sprintf(`"id":"e%d","type":"click"`, i)))
		default:
			w.produce("purchases", event(customer, at, fmt.Sprintf(`"id":"e%d","type":"purchase","amount":"%d.50"`, i, i)))
		}
	}
}

// small makes many batches out of little, so that there is much to cut.
func small(config pipeline.Config) pipeline.Config {
	config.Limits.BatchCustomers, config.Limits.BatchRecords, config.Limits.StageRecords = 5, 7, 3
	config.Limits.TimerPiece, config.Limits.LivePiece, config.Limits.CacheBytes, config.Limits.PublishBytes = 2, 1, 2000, 2000
	config.Until, _ = instant.Parse("2027-01-01T00:00:00Z")
	return config
}

func TestKillsAtEveryStep(t *testing.T) {
	calm := newWorld(t)
	workload(calm)
	p, err := pipeline.New(small(replayConfig()), calm.Ports())
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context()))
	want := byCustomer(calm.read("changes"))
	require.NotEmpty(t, want)
	letters, _ := calm.read("dead")
	require.Len(t, letters, 12)

	for _, kind := range []string{"take", "load", "due", "bury", "commit", "publish"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after=%t", kind, after), func(t *testing.T) {
				w := newWorld(t)
				workload(w)
				kills := 0
				for n := int64(1); ; n += 2 {
					if !runUntilKilled(t, w, kind, after, min(n, 25)) {
						break
					}
					kills++
				}
				require.Positive(t, kills, "the step was never met")
				requireSame(t, want, byCustomer(w.read("changes")))
				gotLetters, _ := w.read("dead")
				requireSame(t, distinct(sorted(letters)), distinct(sorted(gotLetters)))
			})
		}
	}
}

// runUntilKilled runs once; false if it came to its end.
func runUntilKilled(t *testing.T, w *world, kind string, after bool, n int64) bool {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	connection := w.connect()
	k := &killer{Ports: connection.Ports(), kind: kind, after: after, cancel: cancel}
	k.left.Store(n)
	p, err := pipeline.New(small(replayConfig()), pipeline.Ports{Log: k.Log, Store: k, Sink: k, Letters: k})
	require.NoError(t, err)
	err = p.Run(ctx)
	if err == nil {
		return false
	}
	require.ErrorIs(t, err, context.Canceled)
	return true
}

// byCustomer returns the distinct values of each customer in the order in which
// they arrived: between customers any order is right.
func byCustomer(values []string, records []recordbatch.Record) []string {
	seen := map[string]bool{}
	of := map[string][]string{}
	for i, v := range values {
		if !seen[v] {
			seen[v] = true
			of[string(records[i].Key)] = append(of[string(records[i].Key)], v)
		}
	}
	var out []string
	for _, customer := range slices.Sorted(maps.Keys(of)) {
		out = append(out, of[customer]...)
	}
	return out
}

// requireSame tells the first difference, not all of both.
func requireSame(t *testing.T, want, got []string) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i], "line %d", i)
	}
	require.Len(t, got, len(want))
}

// distinct drops repeats, keeping the first of each.
func distinct(values []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

func sorted(values []string) []string {
	sort.Strings(values)
	return values
}
