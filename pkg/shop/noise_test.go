package shop

import (
	"bytes"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/instant"
)

func customerID(k uint32) string { return "c-" + strconv.FormatUint(uint64(k), 10) }

func TestWithoutNoiseLinesComeInOrderOfTime(t *testing.T) {
	last := int64(0)
	lines := lived(t, Default(), func(l Line) {
		if l.At < last {
			t.Fatalf("%s arrives before the line before it", l.Value)
		}
		last = l.At
	})
	require.Greater(t, lines, int64(20_000))
}

func TestNoiseChangesNothingButTheDelivery(t *testing.T) {
	calm := noisy()
	calm.Duplicates, calm.Disorder, calm.Malformed = 0, 0, 0
	sorted := func(o Options) (lines []string) {
		lived(t, o, func(l Line) {
			if !l.Bad {
				lines = append(lines, string(l.Value))
			}
		})
		slices.Sort(lines)
		return slices.Compact(lines)
	}
	require.Equal(t, sorted(calm), sorted(noisy()))
}

func TestNoiseHasItsShares(t *testing.T) {
	o := noisy()
	o.Customers = 2000
	var total, bads, late, copies float64
	var arrived int64
	var greatest string
	seen := map[string]bool{}
	lived(t, o, func(l Line) {
		total++
		if l.At < arrived {
			t.Fatalf("%s arrives before the line before it", l.Value)
		}
		arrived = l.At
		if l.Bad {
			bads++
			return
		}
		if seen[string(l.Value)] {
			copies++
			return
		}
		seen[string(l.Value)] = true
		occurred := string(field(l.Value, "occurred_at"))
		if occurred < greatest {
			late++
		}
		greatest = max(greatest, occurred)
	})
	events := float64(len(seen))
	require.InDelta(t, o.Malformed, bads/total, 0.01)
	require.InDelta(t, o.Duplicates, copies/events, 0.01)
	require.InDelta(t, o.Disorder, late/events, 0.05)
}

func TestFewEventsWaitHoweverManyAreLate(t *testing.T) {
	o := noisy()
	o.Customers, o.Disorder, o.Duplicates, o.Malformed = 5, 0.9, 0.9, 0
	o.To, o.Events = o.From+3*day, 20_000
	s, err := New(o)
	require.NoError(t, err)
	greatest := ""
	for {
		line, ok := s.Next()
		if !ok {
			break
		}
		greatest = max(greatest, string(field(line.Value, "occurred_at")))
	}
	require.Len(t, s.life.customers, 5)
	require.Less(t, greatest, instant.Format(o.To))
	require.LessOrEqual(t, len(s.noise.held.all), s.noise.room+1)
}

// field is the text of a string field of a line without escapes.
func field(line []byte, name string) []byte {
	_, rest, _ := bytes.Cut(line, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return value
}
