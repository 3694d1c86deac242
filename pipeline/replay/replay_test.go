package replay

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/shop"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// shopLog is the log of a small, noisy shop.
func shopLog(t *testing.T, events int64) []byte {
	o := shop.Default()
	o.Customers, o.Events = 200, events
	o.Duplicates, o.Disorder, o.Malformed, o.Zipf = 0.1, 0.1, 0.02, 1
	s, err := shop.New(o)
	require.NoError(t, err)
	var log bytes.Buffer
	for line, ok := s.Next(); ok; line, ok = s.Next() {
		log.Write(line.Value)
		log.WriteByte('\n')
	}
	return log.Bytes()
}

// results runs a replay and returns its files one after the other.
func results(t *testing.T, log []byte, o Options) string {
	dir := t.TempDir()
	o.Inputs, o.Stdin = []string{"-"}, bytes.NewReader(log)
	o.Changes, o.Profiles, o.DeadLetters = filepath.Join(dir, "c"), filepath.Join(dir, "p"), filepath.Join(dir, "d")
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	var all []string
	for _, path := range []string{o.Changes, o.Profiles, o.DeadLetters} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		all = append(all, string(content))
	}
	return strings.Join(all, "")
}

func TestTheSameFilesGiveTheSameBytesOnEveryRun(t *testing.T) {
	log := shopLog(t, 5000)
	o := Options{Policy: policy.Default(), Until: instant.None}
	first := results(t, log, o)
	require.Greater(t, strings.Count(first, "\n"), 500)
	require.Equal(t, first, results(t, log, o))
}

func TestEveryLineIsAccountedFor(t *testing.T) {
	log := shopLog(t, 3000)
	var steps []Step
	s, err := Run(t.Context(), Options{
		Inputs: []string{"-"}, Stdin: bytes.NewReader(log), Policy: policy.Default(), Until: instant.None,
		Progress: func(p Progress) {
			if len(steps) == 0 || steps[len(steps)-1] != p.Step {
				steps = append(steps, p.Step)
			}
		},
	})
	require.NoError(t, err)
	require.Equal(t, []Step{Loading, Replaying, Writing}, steps)
	require.Equal(t, int64(3000), s.Counts.Consumed)
	require.Equal(t, s.Counts.Consumed, s.Counts.Applied+s.Counts.NoEffect()+s.Counts.Rejected())
	require.Positive(t, s.Counts.Rejected())
	// Whoever came and did not leave is in the segment of his last change.
	for _, seg := range Segments {
		var balance int64
		for other := range s.Moves {
			balance += s.Moves[other][seg] - s.Moves[seg][other]
		}
		require.Equal(t, balance, s.Sizes[seg], seg)
	}
}

func TestLinesOfAnyLengthKeepTheirBytes(t *testing.T) {
	p := policy.Default()
	p.MaxEventBytes = 200
	exact := `{"id":"e-1","type":"click","customer_id":"c-1","occurred_at":"2026-01-01T00:00:00Z","properties":""}`
	exact = strings.Replace(exact, `""`, `"`+strings.Repeat("x", 200-len(exact))+`"`, 1)
	long, longest := exact+" ", strings.Repeat("y", 5<<20)
	dir := t.TempDir()
	s, err := Run(t.Context(), Options{
		Inputs: []string{"-"}, Stdin: strings.NewReader(exact + "\n" + long + "\n" + longest), Policy: p, Until: instant.None,
		DeadLetters: filepath.Join(dir, "letters"),
	})
	require.NoError(t, err)
	require.Equal(t, int64(1), s.Counts.Applied)
	letters := Open([]string{filepath.Join(dir, "letters")}, nil)
	defer letters.Close()
	for offset, line := range []string{long, longest} {
		letter, ok := letters.Next()
		require.True(t, ok, letters.Err())
		want := `{"reason":"oversized","topic":"purchases","partition":0,"offset":` + string(rune('0'+offset)) + `,"key":null,"value":"`
		require.True(t, strings.HasPrefix(string(letter), want), "%.100s", letter)
		require.Equal(t, strings.ReplaceAll(line, `"`, `\"`)+`"}`, strings.TrimPrefix(string(letter), want))
	}
}

func TestUntilMovesEveryShard(t *testing.T) {
	until, ok := instant.Parse("2026-06-01T00:00:00Z")
	require.True(t, ok)
	log := `{"id":"e-1","type":"purchase","customer_id":"c-1","occurred_at":"2026-01-01T00:00:00Z","amount":"1"}
{"id":"e-2","type":"purchase","customer_id":"c-2","occurred_at":"2026-06-01T00:00:00.001Z","amount":"1"}
{"id":"e-3","type":"purchase","customer_id":"c-3","occurred_at":"2026-06-01T00:00:00Z","amount":"1"}`
	text := results(t, []byte(log), Options{Policy: policy.Default(), Until: until})
	require.Contains(t, text, `{"customer_id":"c-1","lifecycle":"edge","since":"2026-04-01T00:00:00.000Z"`)
	require.NotContains(t, text, `c-2`, "an event after the end")
	require.Contains(t, text, `{"customer_id":"c-3","lifecycle":"potential","since":"2026-06-01T00:00:00.000Z"`)
}

func TestAReplayCanBeInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	_, err := Run(ctx, Options{
		Inputs: []string{"-"}, Stdin: bytes.NewReader(shopLog(t, 3000)), Policy: policy.Default(), Until: instant.None,
		Progress: func(p Progress) {
			if p.Step == Replaying {
				interrupt()
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
}
