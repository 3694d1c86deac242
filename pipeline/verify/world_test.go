package verify_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/shop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a namespace on an embedded Kafka and Redis.
type world struct {
	t       testing.TB
	servers *embedded.Servers
	where   pipeline.Servers
	policy  *policy.Policy
	redis   *redis.Client
	*pipeline.Connection
}

func newWorld(t testing.TB) *world {
	t.Helper()
	servers, err := embedded.Start(embedded.Options{Topics: map[string]int32{local.Purchases: local.Partitions,
		local.Clicks: local.Partitions, local.Changes: local.Partitions, local.DeadLetters: local.Partitions, doctored: local.Partitions}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	w := &world{t: t, servers: servers, policy: policy.Default(), where: pipeline.Servers{Kafka: source.Config{Brokers: servers.Brokers()},
		Redis: store.Config{Addrs: []string{servers.RedisAddr()}}, Namespace: "test", Inputs: []string{local.Purchases, local.Clicks},
		Changes: local.Changes, DeadLetters: local.DeadLetters}}
	w.Connection = w.connect()
	w.redis = redis.NewClient(&redis.Options{Addr: servers.RedisAddr(), DisableIdentity: true})
	t.Cleanup(func() { require.NoError(t, w.redis.Close()) })
	return w
}

// connect makes clients of their own, as another process would.
func (w *world) connect() *pipeline.Connection {
	c, err := pipeline.Connect(w.where)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, c.Close()) })
	return c
}

// feed writes lines to the log, where a shop's producers would.
func (w *world) feed(lines ...string) {
	w.t.Helper()
	router, err := local.NewRouter(w.policy)
	require.NoError(w.t, err)
	type place struct {
		topic string
		shard int32
	}
	records := map[place][]sink.Record{}
	for _, line := range lines {
		topic, shard, record := router.Route([]byte(line))
		records[place{topic, shard}] = append(records[place{topic, shard}], record)
	}
	for at, some := range records {
		_, err := w.Producer.Produce(w.t.Context(), at.topic, at.shard, some)
		require.NoError(w.t, err)
	}
}

// shopLines are the events of a small, noisy shop.
func shopLines(t testing.TB, events int64) []string {
	o := shop.Default()
	o.Customers, o.Events = int(events/25), events
	o.Duplicates, o.Disorder, o.Malformed, o.Zipf = 0.1, 0.1, 0.02, 0.8
	o.Model.Erasures = 0.005
	return linesOf(t, o)
}

func linesOf(t testing.TB, o shop.Options) (lines []string) {
	s, err := shop.New(o)
	require.NoError(t, err)
	for line, ok := s.Next(); ok; line, ok = s.Next() {
		lines = append(lines, string(line.Value))
	}
	return lines
}

// config is that of a replay.
func (w *world) config() pipeline.Config {
	return pipeline.Config{Namespace: "test", Inputs: w.where.Inputs, Changes: local.Changes, Partitions: local.Partitions,
		Policy: w.policy, Publish: pipeline.PublishAll, Until: instant.None, Limits: pipeline.DefaultLimits(), Log: zap.NewNop()}
}

// replay runs a replay to its end.
func (w *world) replay(until int64) {
	w.t.Helper()
	config := w.config()
	config.Until = until
	p, err := pipeline.New(config, w.Ports())
	require.NoError(w.t, err)
	require.NoError(w.t, p.Run(w.t.Context()))
}

func (w *world) options() verify.Options {
	return verify.Options{Kafka: w.where.Kafka, Redis: w.where.Redis, Namespace: "test", Inputs: w.where.Inputs,
		Changes: local.Changes, Policy: w.policy}
}

// verify verifies and returns the report.
func (w *world) verify(isReplay bool) *verify.Report {
	w.t.Helper()
	o := w.options()
	o.Replay = isReplay
	report, err := verify.Run(w.t.Context(), o)
	require.NoError(w.t, err)
	return report
}

// requireClean fails with the first difference.
func requireClean(t testing.TB, r *verify.Report) {
	t.Helper()
	require.Empty(t, r.First)
	require.Zero(t, r.Differences)
	require.Zero(t, r.Apart.Undecided.Count)
	require.True(t, r.Good())
	require.Equal(t, local.Partitions, r.Shards)
	require.Positive(t, r.Customers)
	require.Positive(t, r.Changes)
	require.Equal(t, r.Records.Consumed, r.Records.Applied+r.Records.NoEffect()+r.Records.Dead())
}

func at(t testing.TB, text string) int64 {
	t.Helper()
	ms, ok := instant.Parse(text)
	require.True(t, ok)
	return ms
}

func TestAReplayOfAShopIsRight(t *testing.T) {
	w := newWorld(t)
	w.feed(shopLines(t, 4000)...)
	w.replay(at(t, "2026-09-01T00:00:00Z"))
	r := w.verify(true)
	requireClean(t, r)
	require.Equal(t, int64(4000), r.Records.Consumed)
	require.Equal(t, int64(160), r.Customers)
	require.Positive(t, r.Records.Erased)

	// The way is not known, but the changes have to be explained all the same.
	requireClean(t, w.verify(false))
}

func TestTheGoldenScenarioIsRight(t *testing.T) {
	root := os.Getenv("TIDEMARK_GOLDEN")
	if root == "" {
		t.Skip("TIDEMARK_GOLDEN names no folder with golden data")
	}
	w := newWorld(t)
	lines := replay.Open([]string{filepath.Join(root, "scenario_mix", "events.jsonl.gz")}, nil)
	defer lines.Close()
	var all []string
	for line, ok := lines.Next(); ok; line, ok = lines.Next() {
		all = append(all, string(line))
	}
	require.NoError(t, lines.Err())
	w.feed(all...)
	w.replay(at(t, "2026-07-09T00:00:00.000Z"))
	r := w.verify(true)
	requireClean(t, r)
	require.Equal(t, int64(2082), r.Changes)
	require.Equal(t, int64(69), r.Records.Dead())
	requireClean(t, w.verify(false))
}
