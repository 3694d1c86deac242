package event_test

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// The lines of scenario_mix that an independent program could not decode, in the order of the file, with its reasons.
// Those that are only too late depend on what came before them in their partition, which is the replay's to test.
func TestGoldenDeadLetters(t *testing.T) {
	folder := os.Getenv("TIDEMARK_GOLDEN")
	if folder == "" {
		t.Skip("TIDEMARK_GOLDEN is unset: it names the folder of the golden data")
	}
	type letter struct{ Reason, Value, Encoding string }
	var want, got []letter
	for line := range lines(t, filepath.Join(folder, "scenario_mix", "dead-letters.jsonl.gz")) {
		var l letter
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		if l.Encoding == "base64" {
			value, err := base64.StdEncoding.DecodeString(l.Value)
			require.NoError(t, err)
			l.Value, l.Encoding = string(value), ""
		}
		if l.Reason != "too_late" {
			want = append(want, l)
		}
	}
	decoder := newDecoder(t, policy.Default())
	for line := range lines(t, filepath.Join(folder, "scenario_mix", "events.jsonl.gz")) {
		// The record's timestamp is what occurred_at says, and there is none where that is missing.
		reason := decoder.Decode([]byte(line), event.Record{Timestamp: -1, Latest: instant.None}, new(event.Event))
		if reason != event.OK {
			got = append(got, letter{Reason: reason.String(), Value: line})
		}
	}
	require.NotEmpty(t, want)
	require.Equal(t, want, got)
}

func lines(t *testing.T, path string) func(func(string) bool) {
	return func(yield func(string) bool) {
		file, err := os.Open(path)
		require.NoError(t, err)
		defer func() { require.NoError(t, file.Close()) }()
		unzipped, err := gzip.NewReader(file)
		require.NoError(t, err)
		scanner := bufio.NewScanner(unzipped)
		scanner.Buffer(nil, 1<<21)
		scanner.Split(atNewline)
		for scanner.Scan() {
			if !yield(scanner.Text()) {
				return
			}
		}
		require.NoError(t, scanner.Err())
	}
}

// atNewline ends lines at \n alone: a carriage return before it belongs to the line.
func atNewline(data []byte, atEOF bool) (int, []byte, error) {
	for i, c := range data {
		if c == '\n' {
			return i + 1, data[:i], nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
