package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/preflight"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/policy"
)

// lines reads a stream line by line as it is written.
func lines(t *testing.T, pattern string) (w io.Writer, found <-chan []string) {
	read, write := io.Pipe()
	matches := make(chan []string, 1)
	expression := regexp.MustCompile(pattern)
	go func() {
		for scanner := bufio.NewScanner(read); scanner.Scan(); {
			if m := expression.FindStringSubmatch(scanner.Text()); m != nil {
				select {
				case matches <- m:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() { _ = write.Close() })
	return write, matches
}

// said waits for a line of a run, which must not end before.
func said(t *testing.T, from <-chan []string, ended <-chan int) []string {
	select {
	case words := <-from:
		return words
	case code := <-ended:
		require.FailNow(t, "it ended", "with %d", code)
		return nil
	}
}

func body(t *testing.T, url string) (code int, text string) {
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(raw)
}

func TestRunEmbedded(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "tidemark.yaml", "server: {listen: '127.0.0.1:0'}\n")
	stdout, servers := lines(t, `^Kafka at (\S+), Redis at (\S+), inside this process`)
	stderr, serving := lines(t, `"msg":"serving metrics and health","address":"(\S+)"`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, strings.Fields("run --embedded -c tidemark.yaml"), nil, stdout, stderr) }()
	at, url := said(t, servers, ended), "http://"+said(t, serving, ended)[1]

	require.NoError(t, real.Await(t.Context(), 30*time.Second, func(context.Context) error {
		if code, text := body(t, url+"/readyz"); code != http.StatusOK {
			return fmt.Errorf("not ready: %s", text)
		}
		return nil
	}))
	connection, err := pipeline.Connect(pipeline.Servers{Kafka: source.Config{Brokers: []string{at[1]}}, Redis: store.Config{Addrs: []string{at[2]}}, Namespace: "shop",
		Inputs: []string{"clicks", "purchases"}, Changes: "segment-changes", DeadLetters: "dead-letters"})
	require.NoError(t, err)
	router, err := local.NewRouter(policy.Default())
	require.NoError(t, err)
	event := fmt.Sprintf(`{"id":"e1","type":"purchase","customer_id":"c-42","occurred_at":%q,"amount":"5"}`, time.Now().UTC().Format(time.RFC3339))
	topic, shard, record := router.Route([]byte(event))
	_, err = connection.Producer.Produce(t.Context(), topic, shard, []sink.Record{record})
	require.NoError(t, err)
	require.NoError(t, connection.Close())

	require.NoError(t, real.Await(t.Context(), 30*time.Second, func(context.Context) error {
		var out, errs bytes.Buffer
		if run(ctx, []string{"get", "c-42", "--redis", at[2]}, nil, &out, &errs) != good {
			return fmt.Errorf("reading the customer: %s", errs.String())
		}
		require.Contains(t, out.String(), "potential since")
		return nil
	}))
	// Readers see a commit before its worker has counted it.
	require.NoError(t, real.Await(t.Context(), 30*time.Second, func(context.Context) error {
		_, metrics := body(t, url+"/metrics")
		require.NotContains(t, metrics, "c-42")
		for _, line := range []string{
			`tidemark_records_total{outcome="applied",topic="purchases"} 1`,
			`tidemark_customers{dimension="lifecycle",segment="potential"} 1`,
			`tidemark_changes_total{cause="event",dimension="lifecycle",from="none",to="potential"} 1`,
			`tidemark_shards{state="live"} 12`,
		} {
			if !strings.Contains(metrics, line+"\n") {
				return fmt.Errorf("the metrics have no %s: %s", line, metrics)
			}
		}
		starts := regexp.MustCompile(`tidemark_takeovers_total{cause="start"} (\d+)\n`).FindStringSubmatch(metrics)
		require.NotNil(t, starts)
		n, err := strconv.Atoi(starts[1])
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, 12) // more where the group took the shards from it for a while
		return nil
	}))
	code, text := body(t, url+"/livez")
	require.Equal(t, http.StatusOK, code)
	var report struct{ OK bool }
	require.NoError(t, json.Unmarshal([]byte(text), &report))
	require.True(t, report.OK)

	cancel()
	require.Equal(t, good, <-ended)
}

// A Redis that is told to forget while a worker runs is seen in time, and once.
func TestRunTellsOfARedisThatBeganToForget(t *testing.T) {
	servers := emptyServers(t, nil)
	succeed(t, nil, "topics", "-c", "tidemark.yaml", "--create", "--partitions", "1")
	var policy atomic.Value
	policy.Store("noeviction")
	servers.Miniredis().Server().SetPreHook(func(c *server.Peer, command string, _ ...string) bool {
		if command == "INFO" {
			c.WriteBulk("redis_version:7.2.4\r\nmaxmemory_policy:" + policy.Load().(string) + "\r\nevicted_keys:17\r\n")
		}
		return command == "INFO"
	})
	writeFile(t, "tidemark.yaml", readFile(t, "tidemark.yaml")+"server: {listen: '127.0.0.1:0'}\n")
	stderr, serving := lines(t, `"msg":"serving metrics and health","address":"(\S+)"`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, strings.Fields("run -c tidemark.yaml"), nil, io.Discard, stderr) }()
	url := "http://" + said(t, serving, ended)[1]
	tells := func(code int, says string) {
		require.NoError(t, real.Await(t.Context(), 30*time.Second, func(context.Context) error {
			if got, text := body(t, url+"/readyz"); got != code || !strings.Contains(text, says) {
				return fmt.Errorf("it says %s", text)
			}
			return nil
		}))
	}
	tells(http.StatusOK, "")
	policy.Store("allkeys-lru")
	tells(http.StatusServiceUnavailable, "docs/runbook.md#redis-evicts")
	policy.Store("noeviction")
	tells(http.StatusOK, "")
	cancel()
	require.Equal(t, good, <-ended)
}

func TestRunSaysWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	r := tidemark(t, nil, "run")
	require.Equal(t, misused, r.code)
	require.Contains(t, r.stderr, "add --embedded")

	writeFile(t, "tidemark.yaml", "kafka: {brokers: ['127.0.0.1:1']}\nredis: {addrs: ['127.0.0.1:1']}\nserver: {listen: ''}\n")
	r = tidemark(t, nil, "run", "-c", "tidemark.yaml")
	require.Equal(t, failed, r.code)
	require.Contains(t, r.stderr, "127.0.0.1:1")
	require.Contains(t, r.stderr, "see that it runs, and that kafka.brokers names it")
	require.Contains(t, r.stderr, "see that it runs, and that redis.addrs names it")
}

func TestWhatOnlyAStartExcuses(t *testing.T) {
	for _, passing := range []error{
		fmt.Errorf("asking for the bounds: %w", kafka.NotLeaderForPartition),
		fmt.Errorf("asking: %w", kafka.LeaderNotAvailable),
		errors.New("connecting to Redis: LOADING Redis is loading the dataset in memory"),
	} {
		require.True(t, starting(passing), passing)
	}
	for _, staying := range []error{
		fmt.Errorf("asking: %w", kafka.TopicAuthorizationFailed),
		preflight.Refusal{{Code: "topic-missing", Reason: "it is not there", Remedy: "make it"}},
	} {
		require.False(t, starting(staying), staying)
	}
}
