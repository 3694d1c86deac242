package replay

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/segment"
)

// serversWith is a Kafka and a Redis with the log in the inputs.
func serversWith(t *testing.T, log []byte) *local.World {
	w, err := local.Start(local.Options{Namespace: "live", Policy: policy.Default()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	feed, err := w.Feed(policy.Default())
	require.NoError(t, err)
	for line := range bytes.Lines(log) {
		require.NoError(t, feed.Add(t.Context(), bytes.TrimSuffix(line, []byte("\n"))))
	}
	require.NoError(t, feed.Flush(t.Context()))
	return w
}

func fromKafka(w *local.World, name string) KafkaOptions {
	return KafkaOptions{Options: Options{Policy: policy.Default(), Until: instant.None, Log: zap.NewNop()}, Servers: w.Servers(), Namespace: name}
}

// kafkaResults replays and returns the files one after the other.
func kafkaResults(t *testing.T, o KafkaOptions) string {
	dir := t.TempDir()
	o.Changes, o.Profiles, o.DeadLetters = filepath.Join(dir, "c"), filepath.Join(dir, "p"), filepath.Join(dir, "d")
	_, err := FromKafka(t.Context(), o)
	require.NoError(t, err)
	var all []string
	for _, path := range []string{o.Changes, o.Profiles, o.DeadLetters} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		all = append(all, string(content))
	}
	return strings.Join(all, "")
}

// records counts what a topic holds.
func records(t *testing.T, w *local.World, topic string) (n int) {
	for partition := range int32(local.Partitions) {
		require.NoError(t, w.Read(t.Context(), topic, partition, func(recordbatch.Record) error { n++; return nil }))
	}
	return n
}

// stored is how many keys Redis has.
func stored(t *testing.T, w *local.World) int64 {
	r := redis.NewClient(&redis.Options{Addr: w.RedisAddr(), DisableIdentity: true})
	defer func() { require.NoError(t, r.Close()) }()
	n, err := r.DBSize(t.Context()).Result()
	require.NoError(t, err)
	return n
}

func TestAReplayFromKafkaIsThatOfTheSameEventsInFiles(t *testing.T) {
	log := shopLog(t, 5000)
	until, _ := instant.Parse("2025-09-01T00:00:00Z")
	w := serversWith(t, log)
	for _, until := range []int64{instant.None, until} {
		want := results(t, log, Options{Policy: policy.Default(), Until: until})
		o := fromKafka(w, "other")
		o.Until = until
		require.Equal(t, want, kafkaResults(t, o))
		require.Zero(t, records(t, w, local.Changes), "nothing was published")
		require.Zero(t, records(t, w, local.DeadLetters))
		require.Zero(t, stored(t, w), "nothing is left")
	}
}

func TestAReplayToATopicCanBeVerified(t *testing.T) {
	log := shopLog(t, 3000)
	w := serversWith(t, log)
	want := results(t, log, Options{Policy: policy.Default(), Until: instant.None})
	o := fromKafka(w, "kept")
	o.ToTopic, o.Keep = local.Changes, true
	require.Equal(t, want, kafkaResults(t, o))
	require.NotZero(t, records(t, w, local.Changes))
	requireVerified(t, w, "kept")

	// The SDK reads it.
	r := redis.NewClient(&redis.Options{Addr: w.RedisAddr(), DisableIdentity: true})
	defer func() { require.NoError(t, r.Close()) }()
	sizes := map[segment.Segment]int{}
	segments := client.New(r, "kept")
	require.NoError(t, namespace.Open(r, "kept").Customers(t.Context(), func(ids []string) error {
		found, err := segments.GetMany(t.Context(), ids)
		for _, c := range found {
			sizes[c.Segment]++
		}
		return err
	}))
	require.Equal(t, strings.Count(want, `"lifecycle":"churned"`), sizes[segment.Churned])

	// It is there now, and so are its changes.
	_, err := FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "namespace kept exists already")
	o.Namespace = "third"
	_, err = FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "topic segment-changes holds records already")
	requireVerified(t, w, "kept")
}

func requireVerified(t *testing.T, w *local.World, name string) {
	where := w.Servers()
	report, err := verify.Run(t.Context(), verify.Options{Kafka: where.Kafka, Redis: where.Redis, Namespace: name, Inputs: where.Inputs,
		Changes: local.Changes, Policy: policy.Default(), Replay: true})
	require.NoError(t, err)
	require.True(t, report.Good(), "%+v", report.First)
	require.NotZero(t, report.Changes)
}

func TestSeveralProcessesShareAReplay(t *testing.T) {
	log := shopLog(t, 5000)
	w := serversWith(t, log)
	o := fromKafka(w, "shared")
	o.ToTopic, o.Keep, o.Shared = local.Changes, true, true
	summaries := make([]*Summary, 3)
	var all errgroup.Group
	for i := range summaries {
		all.Go(func() (err error) {
			summaries[i], err = FromKafka(t.Context(), o)
			return err
		})
	}
	require.NoError(t, all.Wait())
	requireVerified(t, w, "shared")
	last := slices.MaxFunc(summaries, func(a, b *Summary) int {
		return cmp.Or(cmp.Compare(a.Counts.Consumed, b.Counts.Consumed), cmp.Compare(a.Changes, b.Changes))
	})
	require.EqualValues(t, 5000, last.Counts.Consumed)
	require.EqualValues(t, records(t, w, local.Changes), last.Changes, "the others may end while it still publishes")

	strict := policy.Default()
	strict.Lifecycle.LoyalOrders = 5
	o.Policy = strict
	_, err := FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "namespace shared belongs to a replay under policy version "+policy.Default().Version())
}

func TestAReplayJoinsOnlyItsLike(t *testing.T) {
	w := serversWith(t, shopLog(t, 500))
	o := fromKafka(w, "shared")
	o.ToTopic, o.Keep, o.Shared = local.Changes, true, true
	_, err := FromKafka(t.Context(), o)
	require.NoError(t, err)
	keys, published := stored(t, w), records(t, w, local.Changes)
	for says, change := range map[string]func(*KafkaOptions){
		`belongs to a replay with --until "", not "2025-09-01T00:00:00.000Z"`:          func(o *KafkaOptions) { o.Until, _ = instant.Parse("2025-09-01T00:00:00Z") },
		`belongs to a replay with --to-topic "segment-changes", not "` + local.Clicks:  func(o *KafkaOptions) { o.ToTopic = local.Clicks },
		"belongs to a replay of " + local.Clicks + "," + local.Purchases + ", not of ": func(o *KafkaOptions) { o.Servers.Inputs = []string{local.Clicks} },
	} {
		other := o
		change(&other)
		_, err := FromKafka(t.Context(), other)
		require.ErrorContains(t, err, "namespace shared "+says)
	}

	r := redis.NewClient(&redis.Options{Addr: w.RedisAddr(), DisableIdentity: true})
	defer func() { require.NoError(t, r.Close()) }()
	require.NoError(t, r.HDel(t.Context(), "tm:shared:namespace", "replay:inputs", "replay:changes", "replay:until").Err())
	_, err = FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "namespace shared is no replay's but that of workers")
	require.NoError(t, r.HSet(t.Context(), "tm:shared:namespace", "deleted", 1).Err())
	_, err = FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "tidemark namespace delete --namespace shared")
	require.Equal(t, keys, stored(t, w), "a refused replay deletes nothing")
	require.Equal(t, published, records(t, w, local.Changes))
	require.NoError(t, r.Set(t.Context(), "tm:left:{3}:c:c-1", "value", 0).Err())
	o.Namespace = "left"
	_, err = FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "tidemark namespace delete --namespace left")
}

func TestAReplayFromKafkaCanBeInterrupted(t *testing.T) {
	w := serversWith(t, shopLog(t, 3000))
	for _, shared := range []bool{false, true} {
		o := fromKafka(w, fmt.Sprintf("interrupted-%v", shared))
		ctx, interrupt := context.WithCancel(t.Context())
		o.Progress = func(p Progress) { interrupt() }
		if o.Shared = shared; shared {
			o.ToTopic, o.Keep = local.Changes, true
		}
		_, err := FromKafka(ctx, o)
		require.ErrorIs(t, err, context.Canceled)
		interrupt()
		if !shared {
			require.Zero(t, stored(t, w), "nothing is left")
		}
	}
	// Another process finishes what was begun.
	o := fromKafka(w, "interrupted-true")
	o.ToTopic, o.Keep, o.Shared = local.Changes, true, true
	summary, err := FromKafka(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, int64(3000), summary.Counts.Consumed)
	requireVerified(t, w, "interrupted-true")
}

func TestWhatAReplayFromKafkaRefuses(t *testing.T) {
	w := serversWith(t, nil)
	o := fromKafka(w, "x")
	o.Servers.Inputs = []string{"none"}
	_, err := FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "none")
	o = fromKafka(w, "x")
	o.ToTopic = "nowhere"
	_, err = FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "nowhere")
	o = fromKafka(w, "x")
	o.Servers.Redis.Addrs = []string{"127.0.0.1:1"}
	_, err = FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.Zero(t, stored(t, w))

	uneven, err := embedded.Start(embedded.Options{Topics: map[string]int32{local.Clicks: 2, local.Purchases: 3}})
	require.NoError(t, err)
	defer func() { require.NoError(t, uneven.Close()) }()
	o = fromKafka(w, "x")
	o.Servers.Kafka.Brokers = uneven.Brokers()
	_, err = FromKafka(t.Context(), o)
	require.ErrorContains(t, err, "topic clicks has 2 partitions and purchases has 3: all must have as many")
}

func TestTheNameOfAReplay(t *testing.T) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 5e6, time.UTC)
	require.Equal(t, "shop-replay-20260301T100000.005", DeriveNamespace("shop", now))
	long := DeriveNamespace(strings.Repeat("x", 100), now)
	require.Len(t, long, 100)
	require.True(t, strings.HasSuffix(long, "x-replay-20260301T100000.005"))
}
