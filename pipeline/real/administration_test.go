//go:build real

package real_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/feed"
	"github.com/tidemark/tidemark/pipeline/preflight"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/repartition"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/topics"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/shop"
)

// appendTime are the settings of an input as it should be.
func appendTime() map[string]string {
	return map[string]string{"message.timestamp.type": "LogAppendTime"}
}

// created is a namespace whose topics the command topics has created.
func created(t *testing.T, kafka *real.Kafka) preflight.Config {
	where := pipeline.Servers{Kafka: source.Config{Brokers: kafka.Brokers()}, Namespace: unused("ns"),
		Inputs: []string{unused("clicks"), unused("purchases")}, Changes: unused("changes"), DeadLetters: unused("dead")}
	use := topics.Use{Inputs: where.Inputs, Changes: where.Changes, DeadLetters: where.DeadLetters, Policy: policy.Default()}
	connection, err := pipeline.Connect(where)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	names, err := use.Create(bounded(t), connection.Client, 3, -1)
	require.NoError(t, err)
	require.ElementsMatch(t, use.Names(), names)
	found, err := topics.Describe(bounded(t), connection.Client, use.Names())
	require.NoError(t, err)
	for _, f := range use.Judge(found, 3) {
		require.Equal(t, topics.Good, f.Level, "%s %s: %s", f.Topic, f.Property, f.Reason)
	}
	return preflight.Config{Servers: where, Policy: policy.Default(), Durability: "none"}
}

func checked(t *testing.T, config preflight.Config) (*preflight.Report, error) {
	connection, err := pipeline.Connect(config.Servers)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	return preflight.Check(bounded(t), connection, config)
}

func codes(err error) (codes []string) {
	var refusal preflight.Refusal
	if errors.As(err, &refusal) {
		for _, stop := range refusal {
			codes = append(codes, stop.Code)
		}
	}
	return codes
}

func TestWhatIsCreatedAWorkerStartsWith(t *testing.T) {
	kafka := sharedKafka(t)
	config := created(t, kafka)
	config.Servers.Redis = store.Config{Addrs: []string{startRedis(t, "--maxmemory-policy", "noeviction", "--appendonly", "yes").Addr()}}
	report, err := checked(t, config)
	require.NoError(t, err)
	require.Empty(t, report.Notes)
	require.EqualValues(t, 3, report.Partitions)

	other := *policy.Default()
	other.Lifecycle.LoyalOrders = 4
	config.Policy = &other
	_, err = checked(t, config)
	require.Equal(t, []string{"policy-differs"}, codes(err))
	require.ErrorContains(t, err, "lifecycle.loyal_orders is 3 there and 4 here")
}

func TestWhatAWorkerRefusesOfRealServers(t *testing.T) {
	kafka := sharedKafka(t)
	config := created(t, kafka)
	config.Servers.Redis = store.Config{Addrs: []string{startRedis(t, "--maxmemory-policy", "allkeys-lru").Addr()}}
	config.Durability = "fsync"
	missing, compacted := unused("missing"), unused("compacted")
	require.NoError(t, kafka.CreateTopics(bounded(t), real.Topic{Name: compacted, Partitions: 4, Settings: map[string]string{"cleanup.policy": "compact"}}))
	config.Servers.Inputs = append(config.Servers.Inputs, missing)
	config.Servers.DeadLetters = compacted
	_, err := checked(t, config)
	found := codes(err)
	for _, code := range []string{"topic-missing", "topic-compacted", "dead-letters-limit", "redis-evicts", "redis-durability"} {
		require.Contains(t, found, code)
	}
	require.ErrorContains(t, err, "keeps no append-only file")
}

func TestAWorkerStartsOnARedisCluster(t *testing.T) {
	config := created(t, sharedKafka(t))
	config.Servers.Redis = store.Config{Addrs: startCluster(t, 3, 1).Addrs()}
	config.Durability = "replicas:1"
	for range 2 {
		report, err := checked(t, config)
		require.NoError(t, err)
		require.Empty(t, report.Notes, "each master has its replica")
	}
	config.Durability = "replicas:2"
	report, err := checked(t, config)
	require.NoError(t, err)
	require.Len(t, report.Notes, 3)
}

func TestALogOfWhichRetentionDeletedTheBeginning(t *testing.T) {
	kafka := sharedKafka(t)
	config := created(t, kafka)
	config.Servers.Redis = store.Config{Addrs: []string{startRedis(t).Addr()}}
	connection, err := pipeline.Connect(config.Servers)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	purchases := config.Servers.Inputs[1]
	_, err = connection.Producer.Produce(bounded(t), purchases, 2, []sink.Record{{Value: []byte("a")}, {Value: []byte("b")}})
	require.NoError(t, err)
	require.NoError(t, kafka.DeleteRecords(bounded(t), purchases, 2, 1))
	_, err = checked(t, config)
	require.Equal(t, []string{"log-truncated"}, codes(err))
	require.ErrorContains(t, err, "begins at offset 1 in partition 2, but 0 is needed")
	config.AcceptTruncated = true
	_, err = checked(t, config)
	require.NoError(t, err)
}

// contents is everything that a topic holds.
func contents(t *testing.T, client *source.Client, topic string) (all []recordbatch.Record) {
	count, err := client.Partitions(bounded(t), topic)
	require.NoError(t, err)
	for p := range count {
		_, end, err := client.Bounds(bounded(t), topic, p)
		require.NoError(t, err)
		require.NoError(t, client.Scan(bounded(t), topic, p, 0, end, func(r *recordbatch.Record) error {
			all = append(all, *r)
			return nil
		}))
	}
	return all
}

func TestRepartitionKeepsTheBrokersTime(t *testing.T) {
	l := openLog(t, sharedKafka(t), map[string]int32{"old": 5, "input": 3, "dead": 1}, appendTime())
	const events = 2000
	appended := map[string]int64{}
	for i := range 5 {
		var records []sink.Record
		for n := range events / 5 {
			records = append(records, sink.Record{Key: []byte("k"), Time: 1, // not what the broker keeps
				Value: fmt.Appendf(nil, `{"id":"e-%d-%d","type":"click","customer_id":"c-%d"}`, i, n, n%50)})
		}
		_, err := l.Append("old", int32(i), records)
		require.NoError(t, err)
	}
	for _, r := range contents(t, l.client, l.names["old"]) {
		appended[string(r.Value)] = r.Timestamp
	}
	summary, err := repartition.Run(l.ctx, repartition.Options{Client: l.client, Sink: l.producer, Letters: deadletter.NewWriter(l.client, l.producer, l.names["dead"]),
		Group: unused("repartition"), From: []string{l.names["old"]}, To: l.names["input"], ToEnd: true, Policy: policy.Default(), Log: zap.NewNop()})
	require.NoError(t, err)
	require.Equal(t, repartition.Summary{Forwarded: events}, summary)
	for _, r := range contents(t, l.client, l.names["input"]) {
		require.Equal(t, appended[string(r.Value)], source.Timestamp(&r))
		require.GreaterOrEqual(t, r.Timestamp, source.Timestamp(&r))
	}
}

func TestADeadLetterGoesBackWithTheBrokersTime(t *testing.T) {
	l := openLog(t, sharedKafka(t), map[string]int32{"input": 3, "dead": 1}, appendTime())
	value := []byte(`{"id":"e-1","type":"click","customer_id":"c-7"}`)
	right := partition.Murmur2.Partition("c-7", 3)
	wrong := (right + 1) % 3
	offset, err := l.Append("input", wrong, []sink.Record{{Key: []byte("c-7"), Value: value, Time: 1}})
	require.NoError(t, err)
	first := contents(t, l.client, l.names["input"])[0].Timestamp
	require.NoError(t, deadletter.NewWriter(l.client, l.producer, l.names["dead"]).Write(l.ctx, []deadletter.Letter{{Topic: l.names["input"], Partition: wrong,
		Offset: offset, Reason: "misplaced", RejectedAt: first + 5000, Key: []byte("c-7"), Value: value}}))
	retry := deadletter.Retry{Source: l.client, Log: l.producer, Topic: l.names["dead"], Inputs: []string{l.names["input"]}, Policy: policy.Default(),
		Filter: deadletter.Filter{Since: instant.None, Until: instant.None}}
	done, err := retry.Run(l.ctx)
	require.NoError(t, err)
	require.Equal(t, 1, done.Total())
	var back []recordbatch.Record
	require.NoError(t, l.client.Scan(l.ctx, l.names["input"], right, 0, 1, func(r *recordbatch.Record) error { back = append(back, *r); return nil }))
	require.Len(t, back, 1)
	require.Equal(t, string(value), string(back[0].Value))
	require.Equal(t, first, source.Timestamp(&back[0]), "the broker's first time")
	require.Greater(t, back[0].Timestamp, first)
}

// A shop of the future would be refused by a topic that keeps producers' times,
// if its records were dated as its events are.
func TestAShopPlaysIntoKafka(t *testing.T) {
	l := openLog(t, sharedKafka(t), map[string]int32{"orders": 3, "clicks": 3}, map[string]string{"message.timestamp.type": "CreateTime"})
	o := shop.Default()
	o.Customers, o.Events, o.From, o.To = 200, 20_000, 4102444800000, 4133980800000
	s, err := shop.New(o)
	require.NoError(t, err)
	router, err := feed.NewRouter(policy.Default(), feed.TopicsOf([]string{l.names["orders"], l.names["clicks"]}, 3))
	require.NoError(t, err)
	play := feed.Play{Shop: s, Rate: 20_000, Feed: feed.New(sink.Patient(l.producer), router, feed.Latest(func() int64 { return time.Now().UnixMilli() }))}
	n, err := play.Run(l.ctx)
	require.NoError(t, err)
	require.EqualValues(t, o.Events, n)
	orders, clicks := contents(t, l.client, l.names["orders"]), contents(t, l.client, l.names["clicks"])
	require.EqualValues(t, o.Events, len(orders)+len(clicks))
	for _, r := range clicks {
		require.True(t, strings.Contains(string(r.Value), `"type":"click"`))
	}
}

// An input's limit is of compressed bytes: a record that is larger unpacked than
// the limit of the dead letters must find its place among them.
func TestARecordThatWasSmallWhenCompressed(t *testing.T) {
	kafka := sharedKafka(t)
	config := created(t, kafka)
	connection, err := pipeline.Connect(config.Servers)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	input, large := config.Servers.Inputs[0], make([]byte, 5<<20)
	packed := sink.New(connection.Client, sink.Compress(recordbatch.Gzip))
	offset, err := packed.Produce(bounded(t), input, 0, []sink.Record{{Value: large}})
	require.NoError(t, err, "the input takes it")
	require.NoError(t, connection.Ports().Letters.Write(bounded(t), []deadletter.Letter{{Topic: input, Offset: offset, Reason: "oversized", Value: large}}))
	require.Len(t, contents(t, connection.Client, config.Servers.DeadLetters)[0].Value, len(large))
}

// A master that died and is not replaced yet does not keep a worker from
// starting: its shards are compared when they are taken over.
func TestAWorkerStartsWhileANodeOfTheClusterIsDead(t *testing.T) {
	config := created(t, sharedKafka(t))
	cluster := startCluster(t, 3, 0, "--maxmemory-policy", "noeviction", "--cluster-require-full-coverage", "no")
	config.Servers.Redis = store.Config{Addrs: cluster.Addrs()}
	// The node of the namespace's own hash has to live: the start writes it.
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), DisableIdentity: true})
	defer func() { require.NoError(t, client.Close()) }()
	home, err := client.MasterForKey(t.Context(), keys.Namespace(config.Servers.Namespace))
	require.NoError(t, err)
	// Left alone it serves nothing as soon as it takes most of the masters for dead.
	require.NoError(t, home.ConfigSet(t.Context(), "cluster-node-timeout", "60000").Err())
	shards := 0
	for i := range 3 {
		dead := cluster.Master(i)
		if dead.Addr() == home.Options().Addr {
			continue
		}
		for shard := range int32(3) {
			node, err := client.MasterForKey(t.Context(), keys.Of(config.Servers.Namespace, shard).Shard())
			require.NoError(t, err)
			if node.Options().Addr == dead.Addr() {
				shards++
			}
		}
		dead.Kill()
	}
	report, err := checked(t, config)
	require.NoError(t, err)
	require.EqualValues(t, 3, report.Partitions)
	notes := strings.Join(report.Notes, "\n")
	for _, addr := range cluster.Addrs() {
		note := "asking Redis at " + addr + " about itself: "
		require.Equal(t, addr != home.Options().Addr, strings.Contains(notes, note), "%s in %s", addr, notes)
	}
	if shards > 0 {
		require.Contains(t, notes, fmt.Sprintf("left (%d times in all) to the take-over", shards))
	}
}
