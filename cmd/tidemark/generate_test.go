package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

func TestGenerateWritesLinesOfEvents(t *testing.T) {
	out := succeed(t, nil, "generate", "--customers", "20", "--events", "500", "--from", "2026-01-01", "--to", "2026-02-01T00:00:00Z")
	require.Equal(t, 500, strings.Count(out, "\n"))
	for line := range strings.Lines(out) {
		var event struct {
			ID         string `json:"id"`
			Type       string `json:"type"`
			Customer   string `json:"customer_id"`
			OccurredAt string `json:"occurred_at"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &event), line)
		require.True(t, strings.HasPrefix(event.Customer, "c-") && strings.HasPrefix(event.ID, "e-"), line)
		require.True(t, strings.HasPrefix(event.OccurredAt, "2026-01-"), line)
	}
}

func TestGenerateDependsOnItsOptionsAlone(t *testing.T) {
	args := []string{"generate", "--events", "2000", "--seed", "5", "--zipf", "1.1", "--duplicates", "0.2", "--disorder", "0.1", "--malformed", "0.05"}
	first := succeed(t, nil, args...)
	require.Equal(t, first, succeed(t, nil, args...))
	args[4] = "6"
	require.NotEqual(t, first, succeed(t, nil, args...))
}

func TestGenerateChoosesASeed(t *testing.T) {
	generate := func(seed string) result {
		r := tidemark(t, nil, "generate", "--events", "200", "--seed", seed)
		require.Equal(t, good, r.code, r.stderr)
		return r
	}
	first, second := generate("0"), generate("0")
	require.NotEqual(t, first.stdout, second.stdout)
	said := regexp.MustCompile(`^the shop of --seed (\d+)\n$`).FindStringSubmatch(first.stderr)
	require.NotNil(t, said, first.stderr)
	again := generate(said[1])
	require.Equal(t, first.stdout, again.stdout)
	require.Empty(t, again.stderr)
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestGenerateSaysThatItCouldNotWrite(t *testing.T) {
	var stderr strings.Builder
	require.Equal(t, failed, run(t.Context(), []string{"generate"}, nil, fullDisk{}, &stderr))
	require.Equal(t, "tidemark: writing the events: no space left\n", stderr.String())
}

func TestGenerateToKafka(t *testing.T) {
	servers := emptyServers(t, map[string]int32{"purchases": 3, "clicks": 3})
	client, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: []string{"purchases", "clicks"}})
	require.NoError(t, err)
	defer client.Close()
	generate := "generate --to-kafka -c tidemark.yaml --customers 20 "
	text := succeed(t, nil, strings.Fields(generate+"--events 500 --rate 5000 --live --seed 9")...)
	require.Regexp(t, `^wrote 500 lines in \d+\.\d s \([\d,]+/s\)\n$`, text)
	counts := map[string]int{}
	for _, topic := range []string{"purchases", "clicks"} {
		for p := range int32(3) {
			_, end, err := client.Bounds(t.Context(), topic, p)
			require.NoError(t, err)
			require.NoError(t, client.Scan(t.Context(), topic, p, 0, end, func(r *recordbatch.Record) error {
				counts[topic]++
				require.Equal(t, topic == "clicks", bytes.Contains(r.Value, []byte(`"type":"click"`)))
				require.Contains(t, string(r.Value), `"id":"e-9-`)
				require.Contains(t, string(r.Value), time.Now().UTC().Format(`"occurred_at":"2006-`))
				return nil
			}))
		}
	}
	require.Equal(t, 500, counts["purchases"]+counts["clicks"])
	require.Positive(t, counts["purchases"])

	// An interrupt ends it with the count.
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stdout, stderr bytes.Buffer
	code := make(chan int)
	go func() { code <- run(ctx, strings.Fields(generate+"--rate 100"), nil, &stdout, &stderr) }()
	require.NoError(t, real.Await(t.Context(), 30*time.Second, func(ctx context.Context) error {
		var sum int64
		for p := range int32(3) {
			_, end, err := client.Bounds(ctx, "clicks", p)
			require.NoError(t, err)
			sum += end
		}
		if sum <= int64(counts["clicks"]) {
			return errors.New("nothing came yet")
		}
		return nil
	}))
	interrupt()
	require.Equal(t, good, <-code, stderr.String())
	require.Regexp(t, `^wrote [1-9]\d* lines in `, stdout.String())
}

func TestGenerateMisused(t *testing.T) {
	for args, says := range map[string]string{
		"generate --rate 5":                "--rate is for Kafka: add --to-kafka",
		"generate --live":                  "--live is for Kafka",
		"generate -c tidemark.yaml":        "--config is for Kafka",
		"generate --to-kafka --rate -1":    "give lines per second",
		"generate --to-kafka --rate NaN":   "give lines per second",
		"generate --to-kafka --events -10": "events: must be at least 0",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
}
