package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestGenerateSaysThatItCouldNotWrite(t *testing.T) {
	var stderr strings.Builder
	require.Equal(t, failed, run(t.Context(), []string{"generate"}, nil, fullDisk{}, &stderr))
	require.Equal(t, "tidemark: writing the events: no space left\n", stderr.String())
}
