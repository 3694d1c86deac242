package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/replay"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

const story = `{"id":"e-1","type":"purchase","customer_id":"c-42","occurred_at":"2026-01-01T00:00:00Z","amount":"12.50"}
{"id":"e-2","type":"click","customer_id":"c-7","occurred_at":"2026-01-02T00:00:00Z"}

not an event
{"id":"e-3","type":"purchase","customer_id":"c-42","occurred_at":"2026-01-03T00:00:00Z","amount":"7.50"}`

func TestReplayOfAStory(t *testing.T) {
	t.Chdir(t.TempDir())
	summary := succeed(t, strings.NewReader(story), "replay", "--embedded", "--input", "-", "--until", "2026-04-10",
		"--changes", "changes.jsonl", "--profiles", "profiles.jsonl", "--dead-letters", "letters.jsonl")

	changes := readFile(t, "changes.jsonl")
	require.Equal(t, 5, strings.Count(changes, "\n"), changes)
	require.Regexp(t, `^\{"id":"[0-9a-f]{32}","customer_id":"c-`, changes)
	require.Contains(t, changes, `"from":"potential","to":"edge","effective_at":"2026-04-03T00:00:00.000Z","cause":{"kind":"timer"}`)
	require.Equal(t, `{"customer_id":"c-42","lifecycle":"edge","since":"2026-04-03T00:00:00.000Z","version":2,"orders":2,"monetary":"20.00","currency":"EUR","first_seen_at":"2026-01-01T00:00:00.000Z","last_order_at":"2026-01-03T00:00:00.000Z","last_seen_at":"2026-01-03T00:00:00.000Z","next":{"segment":"churned","at":"2026-07-02T00:00:00.000Z"}}
{"customer_id":"c-7","lifecycle":"churned","since":"2026-04-02T00:00:00.000Z","version":3,"orders":0,"monetary":"0.00","currency":"EUR","first_seen_at":"2026-01-02T00:00:00.000Z","last_order_at":null,"last_seen_at":"2026-01-02T00:00:00.000Z","next":null}
`, sortedLines(readFile(t, "profiles.jsonl")))
	require.Equal(t, `{"reason":"malformed","topic":"purchases","partition":0,"offset":1,"key":null,"value":""}
{"reason":"malformed","topic":"purchases","partition":0,"offset":2,"key":null,"value":"not an event"}
`, readFile(t, "letters.jsonl"))

	require.Contains(t, summary, "3 applied, 0 without effect, 2 dead letters\nrejected: 2 malformed\n")
	require.Contains(t, summary, "2 customers at the end: 0 loyal, 0 potential, 1 edge, 1 churned")
}

func TestReplayFromSeveralFilesPackedAndToTheStandardOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	first, second, _ := strings.Cut(story, "\n\n")
	writeFile(t, "first.jsonl", first)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, second)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	writeFile(t, "second.jsonl.gz", packed.String())

	r := tidemark(t, nil, "replay", "--embedded", "--input", "first.jsonl", "second.jsonl.gz", "--changes", "-", "--profiles", "p.jsonl.gz")
	require.Equal(t, good, r.code, r.stderr)
	require.Equal(t, 2, strings.Count(r.stdout, "\n"), r.stdout)
	require.Contains(t, r.stderr, "4 events in ", "the summary keeps out of the data")
	unpacked, err := gzip.NewReader(strings.NewReader(readFile(t, "p.jsonl.gz")))
	require.NoError(t, err)
	profiles, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Equal(t, 2, bytes.Count(profiles, []byte("\n")))
}

func TestReplayUnderAnotherPolicy(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "eager.yaml", "policy: {name: eager, base_currency: JPY, lifecycle: {loyal_orders: 1}}")
	event := `{"id":"e-1","type":"purchase","customer_id":"c-42","occurred_at":"2026-01-01T00:00:00Z","amount":1250}`
	r := tidemark(t, strings.NewReader(event), "replay", "--embedded", "--input", "-", "-c", "eager.yaml", "--changes", "-")
	require.Equal(t, good, r.code, r.stderr)
	require.Contains(t, r.stdout, `"to":"loyal"`)
	require.Contains(t, r.stdout, `"policy":{"name":"eager"`)
	require.Contains(t, r.stdout, `"monetary":"1250","currency":"JPY"`)
}

func TestAFailedReplayLeavesTheFilesAsTheyWere(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "changes.jsonl", "of yesterday\n")
	writeFile(t, "broken.gz", "this is not packed")
	r := tidemark(t, nil, "replay", "--embedded", "--input", "broken.gz", "--changes", "changes.jsonl")
	require.Equal(t, failed, r.code)
	require.Contains(t, r.stderr, "unpacking broken.gz: gzip: invalid header")
	require.Equal(t, "of yesterday\n", readFile(t, "changes.jsonl"))
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, files, 2, "no draft is left")
}

func TestTheBar(t *testing.T) {
	for want, p := range map[string]replay.Progress{
		"loading   [██████████████░░░░░░░░░░░░░░░]  50% 1.5 MB": {Step: replay.Loading, Done: 1_500_000, Total: 3_000_000},
		"loading   1.5 MB": {Step: replay.Loading, Done: 1_500_000},
		"replaying [██████████████████████] 100% 12,345 events": {Step: replay.Replaying, Done: 12_345, Total: 12_345},
		"writing   1,000,000 changes": {Step: replay.Writing, Done: 1_000_000},
	} {
		require.Equal(t, want, renderBar(p, 54))
	}
	require.Equal(t, "replaying 5 events", renderBar(replay.Progress{Step: replay.Replaying, Done: 5, Total: 10}, 20))

	var none *bar
	none.clear()
	require.Nil(t, newBar(io.Discard))
	var out bytes.Buffer
	shown := &bar{out: &out, width: 80}
	shown.clear()
	require.Empty(t, out.String())
	shown.show(replay.Progress{Step: replay.Writing, Done: 1})
	shown.clear()
	require.Equal(t, "\r\x1b[Kwriting   1 changes\r\x1b[K", out.String())
}

func sortedLines(text string) string {
	return strings.Join(slices.Sorted(strings.Lines(text)), "")
}
