package main

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

	"github.com/tidemark/tidemark/pipeline/replay"
)

// TestGoldenData holds a replay against what an independent program computed.
// Each folder below TIDEMARK_GOLDEN with an events.jsonl.gz is one set; the
// command line in its README says how far to go.
func TestGoldenData(t *testing.T) {
	root := os.Getenv("TIDEMARK_GOLDEN")
	if root == "" {
		t.Skip("TIDEMARK_GOLDEN names no folder with golden data")
	}
	root, err := filepath.Abs(root)
	require.NoError(t, err)
	sets, err := filepath.Glob(filepath.Join(root, "*", "events.jsonl.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, sets)
	for _, events := range sets {
		t.Run(filepath.Base(filepath.Dir(events)), func(t *testing.T) { compareSet(t, filepath.Dir(events)) })
	}
}

func compareSet(t *testing.T, set string) {
	args := commandLine(t, set)
	t.Chdir(t.TempDir())
	succeed(t, nil, args...)
	compareLines(t, set, "changes.jsonl", "customer_id")
	compareLines(t, set, "profiles.jsonl", "customer_id")
	if slices.Contains(args, "dead-letters.jsonl") {
		compareLines(t, set, "dead-letters.jsonl", "partition", "offset", "topic")
	}
}

var replayCall = regexp.MustCompile(`(?m)^\s+tidemark (replay .*)$`)

// commandLine is how the set's README says that it can be reproduced.
func commandLine(t *testing.T, set string) []string {
	match := replayCall.FindStringSubmatch(readFile(t, filepath.Join(set, "README.md")))
	require.NotNil(t, match, "the README of %s names no command line", set)
	args := strings.Fields(match[1])
	for i, arg := range args {
		if arg == "events.jsonl.gz" {
			args[i] = filepath.Join(set, arg)
		}
	}
	return args
}

// compareLines compares the lines of a file in the set with those of the
// replay: equal ones for each key, in the same order.
func compareLines(t *testing.T, set, file string, key ...string) {
	want := readLines(t, filepath.Join(set, file+".gz"), key)
	require.NotEmpty(t, want)
	got := readLines(t, file, key)
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), file)
	for k := range want {
		require.Equal(t, want[k], got[k], "%s of %s", file, k)
	}
}

// readLines reads lines of JSON by key, without what the golden data leaves
// out: a change's id, and the version of the policy.
func readLines(t *testing.T, path string, key []string) map[string][]map[string]any {
	lines := replay.Open([]string{path}, nil)
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
