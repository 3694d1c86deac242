package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// letters are servers whose dead-letter topic holds three letters and a record
// of somebody else.
func letters(t *testing.T) *source.Client {
	servers := emptyServers(t, map[string]int32{"purchases": 3, "clicks": 3, "segment-changes": 3, "dead-letters": 2})
	client, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: []string{"purchases", "clicks", "dead-letters"}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	producer := sink.New(client)
	require.NoError(t, deadletter.NewWriter(client, producer, "dead-letters").Write(t.Context(), []deadletter.Letter{
		{Topic: "purchases", Partition: 0, Offset: 4, Reason: "malformed", RejectedAt: 1772359200000, Value: []byte("{")},
		{Topic: "clicks", Partition: 2, Offset: 5, Reason: "unknown_type", RejectedAt: 1772445600000, Key: []byte("c-1"), Value: []byte("{}")},
		{Topic: "old", Partition: 0, Offset: 6, Reason: "malformed", RejectedAt: 1772532000000},
	}))
	_, err = producer.Produce(t.Context(), "dead-letters", 1, []sink.Record{{Value: []byte("not ours")}})
	require.NoError(t, err)
	return client
}

func TestDeadLettersList(t *testing.T) {
	letters(t)
	list := func(args string) string {
		t.Helper()
		r := tidemark(t, nil, strings.Fields("dead-letters list -c tidemark.yaml "+args)...)
		require.Equal(t, good, r.code, r.stderr)
		return r.stdout
	}
	require.Equal(t, "2026-03-01T10:00:00.000Z  malformed         purchases/0@4  \"\"  \"{\"\n"+
		"2026-03-02T10:00:00.000Z  unknown_type      clicks/2@5  \"c-1\"  \"{}\"\n"+
		"2026-03-03T10:00:00.000Z  malformed         old/0@6  \"\"  \"\"\n", list(""))
	require.Equal(t, 2, strings.Count(list("--reason malformed"), "\n"))
	require.Equal(t, 3, strings.Count(list("--reason malformed,unknown_type"), "\n"))
	require.Contains(t, list("--since 2026-03-02 --until 2026-03-02T10:00:00.001Z"), "clicks/2@5")
	require.Empty(t, list("--since 2026-03-02 --until 2026-03-02T10:00:00Z"))
	require.Equal(t, 1, strings.Count(list("--limit 1"), "\n"))
	var letter struct {
		From struct{ Topic string }
	}
	require.NoError(t, json.Unmarshal([]byte(list("--reason unknown_type --output json")), &letter))
	require.Equal(t, "clicks", letter.From.Topic)

	r := tidemark(t, nil, "dead-letters", "list", "-c", "tidemark.yaml")
	require.Equal(t, "1 record of dead-letters not written by Tidemark: passed over\n", r.stderr)
}

func TestDeadLettersRetry(t *testing.T) {
	client := letters(t)
	retry := func(args string) string {
		t.Helper()
		r := tidemark(t, nil, strings.Fields("dead-letters retry -c tidemark.yaml "+args)...)
		require.Equal(t, good, r.code, r.stderr)
		return r.stdout
	}
	passed := "passed over 1 letter of other topics than the inputs, or of partitions that they do not have: 1 old\n"
	require.Equal(t, "would send back 2 letters: 1 malformed, 1 unknown_type\n"+passed, retry("--dry-run"))
	require.Equal(t, "sent back 1 letter: 1 unknown_type\nwhat is still bad comes back as a new letter\n", retry("--reason unknown_type"))
	require.Equal(t, "sent back 0 letters\n", retry("--until 2020-01-01"))
	_, end, err := client.Bounds(t.Context(), "purchases", 0)
	require.NoError(t, err)
	require.Zero(t, end)
	var values []string
	require.NoError(t, client.Scan(t.Context(), "clicks", 2, 0, 1, func(r *recordbatch.Record) error {
		values = append(values, string(r.Key)+string(r.Value))
		return nil
	}))
	require.Equal(t, []string{"c-1{}"}, values)
}

func TestDeadLettersRetryTellsWhatItLeavesOut(t *testing.T) {
	client := letters(t)
	require.NoError(t, deadletter.NewWriter(client, sink.New(client), "dead-letters").Write(t.Context(), []deadletter.Letter{
		{Topic: "clicks", Partition: 1, Offset: 7, Reason: "too_late", RejectedAt: 1772359200000, Value: []byte("{}")},
	}))
	retry := []string{"dead-letters", "retry", "-c", "tidemark.yaml", "--dry-run"}
	require.Contains(t, tidemark(t, nil, retry...).stdout, "would send back 2 letters: 1 malformed, 1 unknown_type\n"+
		"left out 1 letter that would come back, name them with --reason to send them too: 1 too_late\n")
	require.Equal(t, "would send back 1 letter: 1 too_late\n", tidemark(t, nil, append(retry, "--reason", "too_late")...).stdout)
}

func TestDeadLettersRepaired(t *testing.T) {
	client := letters(t)
	list := tidemark(t, nil, "dead-letters", "list", "-c", "tidemark.yaml", "--reason", "unknown_type", "--output", "json").stdout
	mended := strings.Replace(list, `"value":"{}"`, `"value":"mended"`, 1)
	require.NotEqual(t, list, mended)
	r := tidemark(t, strings.NewReader(mended), "dead-letters", "retry", "-c", "tidemark.yaml", "--repaired", "-")
	require.Equal(t, "sent back 1 letter: 1 unknown_type\nwhat is still bad comes back as a new letter\n", r.stdout, r.stderr)
	var values []string
	require.NoError(t, client.Scan(t.Context(), "clicks", 2, 0, 1, func(r *recordbatch.Record) error {
		values = append(values, string(r.Value))
		return nil
	}))
	require.Equal(t, []string{"mended"}, values)

	r = tidemark(t, nil, "dead-letters", "retry", "-c", "tidemark.yaml", "--repaired", "nowhere.jsonl")
	require.Equal(t, failed, r.code)
	require.Contains(t, r.stderr, "opening the repaired letters: open nowhere.jsonl")
}

func TestDeadLettersMisused(t *testing.T) {
	for args, says := range map[string]string{
		"dead-letters list --reason late":             "there are oversized, malformed",
		"dead-letters list --limit -1":                "give at least 1, or 0 for all",
		"dead-letters list --output xml":              "write text or json",
		"dead-letters retry --since yesterday":        "write a date such as",
		"dead-letters retry --reason misplaced,wrong": `"wrong"`,
		"dead-letters nope":                           "unknown command",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
}
