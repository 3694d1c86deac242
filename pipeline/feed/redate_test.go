package feed

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/instant"
)

func TestSimulatedTimeBecomesOurs(t *testing.T) {
	const base = 1735689600000 // 2025
	line := func(at int64) []byte {
		return fmt.Appendf(nil, `{"id":"e","occurred_at":"%s","amount":"1"}`, instant.Format(at))
	}
	var r Redate
	for _, c := range []struct {
		what            string
		at, now, become int64
	}{
		{"the first happens now", base + 1000, 5000, 5000},
		{"the same instant again, later", base + 1000, 5001, 5000},
		{"the next happens now", base + 9000, 6000, 6000},
		{"a copy of the first", base + 1000, 7000, 5000},
		{"one that is late: of before the second", base + 8000, 7000, 5000},
		{"of before everything", base, 7000, 5000},
		{"and on", base + 9001, 8000, 8000},
	} {
		l := line(c.at)
		r.Line(l, c.now)
		require.Equal(t, string(line(c.become)), string(l), c.what)
	}
	for _, other := range []string{`{}`, `{"occurred_at":"yesterday"}`, `{"occurred_at":"2025-99-01T00:00:00.000Z"}`} {
		l := []byte(other)
		r.Line(l, 1)
		require.Equal(t, other, string(l))
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var r Redate
	for i := range int64(mostSteps + 10) {
		if r.carry(i, i) != i {
			t.Fatalf("%d does not happen now", i)
		}
	}
	require.Less(t, len(r.ours), mostSteps)
	require.EqualValues(t, mostSteps-1, r.carry(mostSteps-1, 0))
	require.EqualValues(t, mostSteps/2, r.carry(5, 0), "older than all of it")
}
