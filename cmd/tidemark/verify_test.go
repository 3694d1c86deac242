package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/policy"
)

// verifiable runs the story on servers of its own and writes tidemark.yaml.
func verifiable(t *testing.T) (redisAddr string) {
	servers, err := embedded.Start(embedded.Options{Topics: map[string]int32{local.Purchases: local.Partitions,
		local.Clicks: local.Partitions, local.Changes: local.Partitions, local.DeadLetters: local.Partitions}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	connection, err := pipeline.Connect(pipeline.Servers{Kafka: source.Config{Brokers: servers.Brokers()}, Redis: store.Config{Addrs: []string{servers.RedisAddr()}}, Namespace: "acme",
		Inputs: []string{local.Clicks, local.Purchases}, Changes: local.Changes, DeadLetters: local.DeadLetters})
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	router, err := local.NewRouter(policy.Default())
	require.NoError(t, err)
	for line := range strings.Lines(story) {
		topic, shard, record := router.Route([]byte(strings.TrimSuffix(line, "\n")))
		_, err := connection.Producer.Produce(t.Context(), topic, shard, []sink.Record{record})
		require.NoError(t, err)
	}
	p, err := pipeline.New(pipeline.Config{Namespace: "acme", Inputs: []string{local.Clicks, local.Purchases}, Changes: local.Changes,
		Partitions: local.Partitions, Policy: policy.Default(), Publish: pipeline.PublishAll, Until: instant.None,
		Limits: pipeline.DefaultLimits(), Log: zap.NewNop()}, connection.Ports())
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context()))
	t.Chdir(t.TempDir())
	writeFile(t, "tidemark.yaml", fmt.Sprintf("namespace: acme\nkafka: {brokers: [%q]}\nredis: {addrs: [%q]}\n", servers.Brokers()[0], servers.RedisAddr()))
	return servers.RedisAddr()
}

func TestVerify(t *testing.T) {
	addr := verifiable(t)
	for _, args := range []string{"verify -c tidemark.yaml", "verify -c tidemark.yaml --replay --memory 1"} {
		text := succeed(t, nil, strings.Fields(args)...)
		require.Contains(t, text, "records    5  3 applied, 0 without effect, 2 dead letters\ncustomers  2  recomputed and compared\nchanges    2  0 sent again, 0 not yet sent\n\n0 differences\n")
	}
	var report verify.Report
	require.NoError(t, json.Unmarshal([]byte(succeed(t, nil, strings.Fields("verify -c tidemark.yaml --output json")...)), &report))
	require.True(t, report.Good())
	require.Equal(t, map[string]int64{"malformed": 2}, report.Records.Rejected)

	client := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true})
	defer func() { require.NoError(t, client.Close()) }()
	for shard := range int32(local.Partitions) {
		require.NoError(t, client.Del(t.Context(), keys.Of("acme", shard).Customer("c-42")).Err())
	}
	r := tidemark(t, nil, strings.Fields("verify -c tidemark.yaml --differences 1")...)
	require.Equal(t, failed, r.code)
	require.Contains(t, r.stdout, `customer "c-42": customer`+"\n  found     not in Redis\n  expected  {\"lifecycle\":\"potential\"")
	require.Regexp(t, `\nand [1-9] more\n$`, r.stdout)
	require.Regexp(t, `^tidemark: namespace acme is not what its log says: [1-9] differences\n$`, r.stderr)

	r = tidemark(t, nil, strings.Fields("verify -c tidemark.yaml --output json")...)
	require.Equal(t, failed, r.code)
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.False(t, report.Good())
	require.Equal(t, "c-42", report.First[0].Customer)
}

func TestVerifySaysWhatToDo(t *testing.T) {
	verifiable(t)
	config := readFile(t, "tidemark.yaml")
	writeFile(t, "none.yaml", strings.Replace(config, "acme", "none", 1))
	writeFile(t, "other.yaml", config+"policy: {window: 30d}\n")
	writeFile(t, "topic.yaml", strings.Replace(config, "kafka: {", "kafka: {topics: {changes: elsewhere}, ", 1))
	for args, says := range map[string]string{
		"verify -c none.yaml":  "nothing is stored",
		"verify -c other.yaml": "was made by policy version " + policy.Default().Version(),
		"verify -c topic.yaml": "elsewhere",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, failed, r.code, args)
		require.Contains(t, r.stderr, says, args)
		require.Empty(t, r.stdout, args)
	}
	for args, says := range map[string]string{
		"verify --output xml":     "write text or json",
		"verify --memory 0":       "give at least 1 MiB",
		"verify --differences 0":  "give at least 1",
		"verify something":        "unknown command",
		"verify --memory a-lot":   "invalid argument",
		"verify --no-such-option": "unknown flag",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
}
