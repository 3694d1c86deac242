package demo

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// live is a snapshot as it is in the middle of a demo.
func live() Snapshot {
	return Snapshot{
		Step: Live, Days: 240, Time: 1756699259000, Events: 27_469, Rate: 190, Changes: 4611, DeadLetters: 41,
		Sizes: [segment.Count]int64{segment.Loyal: 145, segment.Potential: 867, segment.Edge: 654, segment.Churned: 1},
		Moves: []Move{
			{Customer: "c-946", From: segment.Churned, To: segment.Potential, At: 1756613400000, Cause: "click"},
			{Customer: "c-1940", To: segment.Potential, At: 1756661460000, Cause: "purchase"},
			{Customer: "c-62", From: segment.Loyal, At: 1756695060000, Cause: "forget"},
		},
		RedisAddr: "127.0.0.1:6379",
	}
}

func trimmed(screen string) string {
	lines := strings.Split(screen, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func newPlainView() *View {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	return NewView(r)
}

func TestTheScreen(t *testing.T) {
	v := newPlainView()
	v.Resize(80, 14)
	require.Equal(t, `Tidemark · a simulated shop, a day in a second   q quits
starting Kafka and Redis in this process …

loyal                                                                    0   0 %
potential                                                                0   0 %
edge                                                                     0   0 %
churned                                                                  0   0 %






in another terminal: tidemark get c-1 --namespace demo --redis`, trimmed(v.Render()))

	v.Take(Snapshot{Step: CatchingUp, Days: 240, Time: instant.None, RedisAddr: "127.0.0.1:6379"})
	require.Contains(t, v.Render(), "\nworking through 240 days of history: … · 0 events/s\n")

	v.Take(live())
	require.Equal(t, `Tidemark · a simulated shop, a day in a second   q quits
2025-09-01 04:00 · 190 events/s · 27,469 events · 4,611 changes · 41 dead letters

loyal     █████████                                                    145   9 %
potential ██████████████████████████████████████████████████████       867  52 %
edge      ████████████████████████████████████████                     654  39 %
churned   █                                                              1   0 %

2025-09-01 02:51  c-62     loyal     → forgotten  forget
2025-08-31 17:31  c-1940   new       → potential  purchase
2025-08-31 04:10  c-946    churned   → potential  click


in another terminal: tidemark get c-1940 --namespace demo --redis 127.0.0.1:6379`, trimmed(v.Render()))
}

func TestTheScreenWhileItIsVerified(t *testing.T) {
	v := newPlainView()
	last := live()
	last.Step = Verifying
	v.Take(last)
	require.Contains(t, v.Render(), "\nrecomputing everything from 27,469 events, by rules written a second time …\n")
}

func TestTheScreenFitsItsTerminal(t *testing.T) {
	v := newPlainView()
	for i := range 1000 {
		v.Take(Snapshot{Step: Live, Moves: []Move{{Customer: fmt.Sprintf("c-%d", i), To: segment.Edge}}})
	}
	for _, height := range []int{60, 24, 12, 11} {
		v.Resize(100, height)
		require.Equal(t, height, strings.Count(v.Render(), "\n")+1)
		require.Contains(t, v.Render(), "c-999")
	}
	for _, size := range [][2]int{{80, 3}, {10, 24}, {0, 0}} {
		v.Resize(size[0], size[1])
		require.NotEmpty(t, v.Render())
	}
}

func TestSegmentsHaveTheirColours(t *testing.T) {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.ANSI256)
	v := NewView(r)
	v.Take(live())
	require.Contains(t, v.Render(), "\x1b[38;5;42mloyal")
	require.Contains(t, v.Render(), "\x1b[38;5;39m█")
}
