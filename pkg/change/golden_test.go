package change_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

// TestGoldenBytes writes every change of the golden data again and compares bytes, so that layout
// and escaping are those of a program that shares no code with this one. The data leaves out id and
// policy.version.
func TestGoldenBytes(t *testing.T) {
	folder := os.Getenv("TIDEMARK_GOLDEN")
	if folder == "" {
		t.Skip("TIDEMARK_GOLDEN is unset: set it to the folder of the golden data sets")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*", "changes.jsonl.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no golden changes in TIDEMARK_GOLDEN=%s", folder)
	e := change.NewEncoder(policy.Default())
	version := fmt.Sprintf(`,"version":%q},"profile":`, policy.Default().Version())
	for _, file := range files {
		for _, line := range readLines(t, file) {
			c := readGolden(t, line)
			value, id := e.Append(nil, &c)
			text := strings.Replace(string(value), `"id":"`+id+`",`, "", 1)
			require.Equal(t, line, strings.Replace(text, version, `},"profile":`, 1))
		}
	}
}

func readLines(t *testing.T, file string) (lines []string) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	scanner := bufio.NewScanner(unzipped)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	require.NoError(t, scanner.Err())
	require.NotEmpty(t, lines, file)
	return lines
}

// readGolden turns a golden line into the change it describes.
func readGolden(t *testing.T, line string) change.Change {
	var v published
	require.NoError(t, json.Unmarshal([]byte(line), &v))
	c := change.Change{
		Customer: v.Customer, Version: v.Version, From: named(t, v.From), To: named(t, v.To), EffectiveAt: at(t, v.EffectiveAt),
		EventID: v.Cause.EventID, HasProfile: v.Profile != nil, NextAt: instant.None,
	}
	for k := change.Event; k <= change.Recovery; k++ {
		if k.String() == v.Cause.Kind {
			c.Cause = k
		}
	}
	for ty := event.Purchase; ty <= event.Forget; ty++ {
		if ty.String() == v.Cause.EventType {
			c.EventType = ty
		}
	}
	if p := v.Profile; p != nil {
		monetary, ok := money.Parse(p.Monetary, 2)
		require.True(t, ok, p.Monetary)
		c.Profile = rfm.Summary{Orders: p.Orders, Monetary: monetary, FirstSeen: at(t, p.FirstSeen), LastOrder: instant.None, LastSeen: at(t, p.LastSeen)}
		if p.LastOrder != nil {
			c.Profile.LastOrder = at(t, *p.LastOrder)
		}
	}
	if v.Next != nil {
		c.Next, c.NextAt = named(t, &v.Next.Segment), at(t, v.Next.At)
	}
	return c
}

func named(t *testing.T, text *string) segment.Segment {
	if text == nil {
		return segment.None
	}
	s, ok := segment.Parse(*text)
	require.True(t, ok, *text)
	return s
}
