// Package examples holds programs that use what Tidemark leaves in Redis and in
// Kafka. Here they run, as their users would run them, against both.
package examples

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const namespace = "shop"

// story is of a buyer, of two visitors, and of one who was here.
const story = `{"id":"e-1","type":"purchase","customer_id":"c-42","occurred_at":"2026-01-01T00:00:00Z","amount":"12.50"}
{"id":"e-2","type":"click","customer_id":"c-7","occurred_at":"2026-01-02T00:00:00Z"}
{"id":"e-3","type":"click","customer_id":"zoë","occurred_at":"2026-01-02T00:00:00Z"}
{"id":"e-4","type":"purchase","customer_id":"c-42","occurred_at":"2026-01-03T00:00:00Z","amount":"7.50"}
{"id":"e-5","type":"purchase","customer_id":"c-42","occurred_at":"2026-01-04T00:00:00Z","amount":"7.50"}
{"id":"e-6","type":"click","customer_id":"c-8","occurred_at":"2026-01-04T00:00:00Z"}
{"id":"e-7","type":"forget","customer_id":"c-8","occurred_at":"2026-01-05T00:00:00Z"}`

// open runs the story through the pipeline.
func open(t *testing.T) *local.World {
	world, err := local.Start(local.Options{Namespace: namespace, Policy: policy.Default()})
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
	return world
}

// build makes a program of this module.
func build(t *testing.T, path string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(path))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// output runs a program that must be good, and returns what it wrote.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), program, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Run(), "%s", &stderr)
	return stdout.String()
}

func TestSegmentsInGo(t *testing.T) {
	world := open(t)
	require.Equal(t, `c-42 is loyal since 2026-01-04T00:00:00Z, and edge from 2026-04-04T00:00:00Z on if nothing happens
c-7 is potential since 2026-01-02T00:00:00Z, and edge from 2026-02-01T00:00:00Z on if nothing happens
c-8 has no segment
nobody has no segment
`, output(t, build(t, "./segments"), "-redis", world.RedisAddr(), "-namespace", namespace, "c-42", "c-7", "c-8", "nobody"))
}

// The recipe for other languages says of every customer what tidemark get says.
func TestSegmentsInPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on the PATH")
	}
	world := open(t)
	tidemark := build(t, "../cmd/tidemark")
	read := output(t, python, "read.py", "--redis", world.RedisAddr(), "--namespace", namespace, "c-42", "c-7", "zoë", "c-8", "nobody")
	lines := slices.Collect(strings.Lines(read))
	require.Len(t, lines, 5)
	for i, id := range []string{"c-42", "c-7", "zoë"} {
		type next struct {
			Segment string `json:"segment"`
			At      string `json:"at"`
		}
		var want struct {
			CustomerID string `json:"customer_id"`
			Lifecycle  string `json:"lifecycle"`
			Since      string `json:"since"`
			Version    int64  `json:"version"`
			Next       next   `json:"next"`
		}
		require.NoError(t, json.Unmarshal([]byte(output(t, tidemark, "get", id, "--redis", world.RedisAddr(), "--namespace", namespace, "--output", "json")), &want))
		got, err := json.Marshal(map[string]any{"customer_id": id, "lifecycle": want.Lifecycle, "since": want.Since, "version": want.Version,
			"next": want.Next.Segment, "next_at": want.Next.At})
		require.NoError(t, err)
		require.NotEmpty(t, want.Lifecycle)
		require.JSONEq(t, string(got), lines[i])
	}
	require.JSONEq(t, `{"customer_id":"c-8","lifecycle":null,"since":null,"version":2,"next":null,"next_at":null}`, lines[3])
	require.JSONEq(t, `{"customer_id":"nobody","lifecycle":null}`, lines[4])
}

// The code of the page is the code of the program: it finds the same shards.
func TestTheRecipeFindsTheShard(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on the PATH")
	}
	page, err := os.ReadFile("../docs/reading.md")
	require.NoError(t, err)
	_, code, _ := strings.Cut(string(page), "```python\n")
	code, _, _ = strings.Cut(code, "```")
	program := "customer, partitions = 'foobar', 12\n" + code + "print(murmur2(b'21'), murmur2(b'foobar'), shard)"
	require.Equal(t, "3321034988 3504634814 6\n", output(t, python, "-c", program))
	require.Contains(t, string(page), "murmur2 of `21` is 3321034988, of `foobar` 3504634814, and `foobar` is in shard 6 of 12")
	require.Equal(t, int32(6), partition.Murmur2.Partition("foobar", 12))
}

func TestChangesInGo(t *testing.T) {
	world := open(t)
	repeat(t, world)
	out := output(t, build(t, "./consume"), "-brokers", strings.Join(world.Brokers(), ","), "-topic", local.Changes, "-n", "7")
	lines := slices.Sorted(strings.Lines(out))
	require.Equal(t, []string{
		"2026-01-01T00:00:00.000Z c-42: new → potential (version 1)\n",
		"2026-01-02T00:00:00.000Z c-7: new → potential (version 1)\n",
		"2026-01-02T00:00:00.000Z zoë: new → potential (version 1)\n",
		"2026-01-04T00:00:00.000Z c-42: edge → loyal (version 3)\n",
		"2026-01-04T00:00:00.000Z c-42: potential → loyal (version 2)\n",
		"2026-01-04T00:00:00.000Z c-8: new → potential (version 1)\n",
		"2026-01-05T00:00:00.000Z c-8: potential → forgotten (version 2)\n",
	}, lines)
}

// repeat writes every change again, as a crash before its acknowledgement does,
// and behind those of c-42 one more of his.
func repeat(t *testing.T, world *local.World) {
	connection, err := pipeline.Connect(world.Servers())
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	for shard := range int32(local.Partitions) {
		var again []sink.Record
		require.NoError(t, world.Read(t.Context(), local.Changes, shard, func(r recordbatch.Record) error {
			again = append(again, sink.Record{Key: r.Key, Value: r.Value, Time: r.Timestamp})
			return nil
		}))
		if shard == partition.Murmur2.Partition("c-42", local.Partitions) {
			more := again[len(again)-1]
			more.Value = []byte(strings.Replace(string(more.Value), `"version":2,"dimension":"lifecycle","from":"potential"`, `"version":3,"dimension":"lifecycle","from":"edge"`, 1))
			again = append(again, more)
		}
		if len(again) > 0 {
			_, err := connection.Producer.Produce(t.Context(), local.Changes, shard, again)
			require.NoError(t, err)
		}
	}
}
