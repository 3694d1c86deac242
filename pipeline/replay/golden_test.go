package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// TestGoldenData holds a replay against what an independent program computed.
// Each folder below TIDEMARK_GOLDEN with an events.jsonl.gz is one set; the
// command line in its README says how far to go.
func TestGoldenData(t *testing.T) {
	root := os.Getenv("TIDEMARK_GOLDEN")
	if root == "" {
		t.Skip("TIDEMARK_GOLDEN names no folder with golden data")
	}
	sets, err := filepath.Glob(filepath.Join(root, "*", "events.jsonl.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, sets)
	for _, events := range sets {
		t.Run(filepath.Base(filepath.Dir(events)), func(t *testing.T) { compareSet(t, filepath.Dir(events)) })
	}
}

func compareSet(t *testing.T, set string) {
	out := t.TempDir()
	_, err := Run(t.Context(), Options{
		Inputs:      []string{filepath.Join(set, "events.jsonl.gz")},
		Policy:      policy.Default(),
		Until:       until(t, set),
		Changes:     filepath.Join(out, "changes.jsonl"),
		Profiles:    filepath.Join(out, "profiles.jsonl"),
		DeadLetters: filepath.Join(out, "dead-letters.jsonl"),
	})
	require.NoError(t, err)

	compareLines(t, set, out, "changes.jsonl", "customer_id")
	compareLines(t, set, out, "profiles.jsonl", "customer_id")
	compareLines(t, set, out, "dead-letters.jsonl", "partition", "offset", "topic")
}

// compareLines compares the lines of a file in the set, if it is there, with
// those of the replay: equal ones for each key, in the same order.
func compareLines(t *testing.T, set, out, file string, key ...string) {
	want := map[string][]map[string]any{}
	if _, err := os.Stat(filepath.Join(set, file+".gz")); err == nil {
		want = readLines(t, filepath.Join(set, file+".gz"), key)
	}
	got := readLines(t, filepath.Join(out, file), key)
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), file)
	for k := range want {
		require.Equal(t, want[k], got[k], "%s of %s", file, k)
	}
}

var untilFlag = regexp.MustCompile(`--until (\S+)`)

// until is the instant that the set's README names.
func until(t *testing.T, set string) int64 {
	readme, err := os.ReadFile(filepath.Join(set, "README.md"))
	require.NoError(t, err)
	match := untilFlag.FindSubmatch(readme)
	if match == nil {
		return instant.None
	}
	ms, ok := instant.Parse(string(match[1]))
	require.True(t, ok, "%s", match[1])
	return ms
}

// readLines reads lines of JSON by key, without what the golden data leaves
// out: a change's id, and the version of the policy.
func readLines(t *testing.T, path string, key []string) map[string][]map[string]any {
	lines := Open([]string{path}, nil)
	all := map[string][]map[string]any{}
	for line, ok := lines.Next(); ok; line, ok = lines.Next() {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		var fields map[string]any
		require.NoError(t, decoder.Decode(&fields), "%s", line)
		delete(fields, "id")
		if p, ok := fields["policy"].(map[string]any); ok {
			delete(p, "version")
		}
		var k []string
		for _, name := range key {
			k = append(k, fmt.Sprint(fields[name]))
		}
		all[strings.Join(k, "/")] = append(all[strings.Join(k, "/")], fields)
	}
	require.NoError(t, lines.Err())
	return all
}
