package demo

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	var out strings.Builder
	l := NewLines(&out)
	l.Take(Snapshot{Days: 240})
	for range 9 {
		s := live()
		s.Step = CatchingUp
		l.Take(s)
	}
	for range 5 {
		l.Take(live())
	}
	require.NoError(t, l.Err())
	require.Equal(t, `starting Kafka and Redis in this process; they keep nothing
working through 240 days of a simulated shop's history
2025-09-01 04:00  145 loyal, 867 potential, 654 edge, 1 churned | 27,469 events (190/s), 4,611 changes, 41 dead letters
2025-09-01 04:00  145 loyal, 867 potential, 654 edge, 1 churned | 27,469 events (190/s), 4,611 changes, 41 dead letters
a day passes in a second now; in another terminal: tidemark get c-1 --namespace demo --redis 127.0.0.1:6379
2025-09-01 02:51  c-62     loyal → forgotten (forget)
2025-09-01 02:51  c-62     loyal → forgotten (forget)
2025-09-01 02:51  c-62     loyal → forgotten (forget)
`, out.String())

	s := live()
	s.Moves = s.Moves[:2]
	out.Reset()
	NewLines(&out).Take(s)
	require.Contains(t, out.String(), "2025-08-31 17:31  c-1940   new → potential (purchase)\n")
}

func TestLinesThatCannotBeWritten(t *testing.T) {
	l := NewLines(full{})
	l.Take(live())
	l.Take(live())
	require.EqualError(t, l.Err(), "disk full")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
