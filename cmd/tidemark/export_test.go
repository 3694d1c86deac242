package main

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pkg/policy"
)

// stored runs the story and leaves a configuration, here.yaml, of what came of it.
func stored(t *testing.T) *local.World {
	world, err := local.Start(local.Options{Namespace: "acme", Policy: policy.Default()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.Close()) })
	feed, err := world.Feed(policy.Default())
	require.NoError(t, err)
	for line := range strings.Lines(story) {
		require.NoError(t, feed.Add(t.Context(), []byte(strings.TrimSuffix(line, "\n"))))
	}
	require.NoError(t, feed.Flush(t.Context()))
	p, err := world.Pipeline(world.Replay())
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context()))
	t.Chdir(t.TempDir())
	writeFile(t, "here.yaml", "namespace: acme\nredis: {addrs: ["+world.RedisAddr()+"]}\nkafka: {brokers: ["+world.Brokers()[0]+"]}\n")
	writeFile(t, "none.yaml", "namespace: none\nredis: {addrs: ["+world.RedisAddr()+"]}\n")
	writeFile(t, "gone.yaml", "redis: {addrs: [\"127.0.0.1:1\"]}\n")
	return world
}

func TestExport(t *testing.T) {
	stored(t)
	require.Equal(t, `{"customer_id":"c-42","lifecycle":"potential","since":"2026-01-01T00:00:00.000Z","version":1,"next":"edge","next_at":"2026-04-03T00:00:00.000Z","stream_time":"2026-01-03T00:00:00.000Z"}
{"customer_id":"c-7","lifecycle":"potential","since":"2026-01-02T00:00:00.000Z","version":1,"next":"edge","next_at":"2026-02-01T00:00:00.000Z","stream_time":"2026-01-02T00:00:00.000Z"}
`, sortedLines(succeed(t, nil, "export", "-c", "here.yaml")))

	require.Equal(t, "0 customers in loyal, edge in audience.csv.gz\n",
		succeed(t, nil, "export", "-c", "here.yaml", "--segment", "loyal,edge", "--format", "csv", "--output", "audience.csv.gz"))
	unpacked, err := gzip.NewReader(strings.NewReader(readFile(t, "audience.csv.gz")))
	require.NoError(t, err)
	list, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Equal(t, "customer_id,lifecycle,since,version,next,next_at,stream_time\n", string(list))
	require.Equal(t, "2 customers with a segment in all.jsonl\n", succeed(t, nil, "export", "-c", "here.yaml", "--output", "all.jsonl"))
	require.Equal(t, 2, strings.Count(readFile(t, "all.jsonl"), "\n"))

	for args, says := range map[string]string{
		"export --segment gold": "write loyal, potential, edge or churned",
		"export --format xml":   "write jsonl or csv",
		"export extra":          "unknown command",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
	unreadable(t, "export")
}

// unreadable runs a command where there is nothing to read.
func unreadable(t *testing.T, command string) {
	for file, says := range map[string]string{"none.yaml": "nothing is stored under namespace none", "gone.yaml": "reading Redis at 127.0.0.1:1"} {
		r := tidemark(t, nil, append(strings.Fields(command), "-c", file)...)
		require.Equal(t, failed, r.code, command)
		require.Contains(t, r.stderr, says, command)
		require.Empty(t, r.stdout, command)
	}
}

func TestNamespaceInspect(t *testing.T) {
	stored(t)
	text := succeed(t, nil, "namespace", "inspect", "-c", "here.yaml")
	require.Contains(t, text, "namespace    acme\npolicy       version "+policy.Default().Version()+"\n")
	require.Contains(t, text, "stream time  from 2026-01-02T00:00:00.000Z to 2026-01-03T00:00:00.000Z\n")
	require.Contains(t, text, "customers    2: 0 loyal, 2 potential, 0 edge, 0 churned\n")
	require.Contains(t, text, "deadlines    2 armed\n")
	require.Regexp(t, `memory       \d+ bytes for each customer`, strings.ReplaceAll(text, ",", ""))
	require.Regexp(t, `\n +customers +2 +[\d,]+ +2 *\n`, text)

	var report namespace.Report
	require.NoError(t, json.Unmarshal([]byte(succeed(t, nil, "namespace", "inspect", "-c", "here.yaml", "--output", "json")), &report))
	require.Equal(t, int64(2), report.Customers)
	require.Equal(t, int32(local.Partitions), report.Partitions)

	r := tidemark(t, nil, "namespace", "inspect", "--output", "xml")
	require.Equal(t, misused, r.code)
	unreadable(t, "namespace inspect")
}

func TestNamespaceDelete(t *testing.T) {
	stored(t)
	for args, says := range map[string]string{
		"namespace delete -c here.yaml":             "say which namespace is to be deleted: --name acme",
		"namespace delete -c here.yaml --name shop": `the name is "shop", but the namespace is acme: nothing was deleted`,
	} {
		r := tidemark(t, strings.NewReader("acme\n"), strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
	require.Contains(t, succeed(t, nil, "export", "-c", "here.yaml"), "c-42", "nothing was deleted")
	require.Regexp(t, `^namespace acme is deleted: \d+ keys\n$`, succeed(t, nil, "namespace", "delete", "-c", "here.yaml", "--name", "acme"))
	r := tidemark(t, nil, "export", "-c", "here.yaml")
	require.Equal(t, failed, r.code)
	require.Contains(t, r.stderr, "nothing is stored under namespace acme")
	r = tidemark(t, nil, "namespace", "delete", "-c", "gone.yaml", "--name", "shop", "--force")
	require.Equal(t, failed, r.code)
	require.Contains(t, r.stderr, "reading Redis at 127.0.0.1:1")
}
