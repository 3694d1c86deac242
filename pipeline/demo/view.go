package demo

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// View is the demo on a screen: pure, snapshots go in and text comes out.
type View struct {
	now           Snapshot
	recent        []Move // the newest first
	width, height int

	title, faint lipgloss.Style
	colours      [segment.Count]lipgloss.Style
}

// NewView draws for a terminal of 80 × 24 until it is told another size.
func NewView(r *lipgloss.Renderer) *View {
	v := &View{width: 80, height: 24, title: r.NewStyle().Bold(true), faint: r.NewStyle().Faint(true)}
	v.now.Time = instant.None
	for s, colour := range map[segment.Segment]string{
		segment.None: "245", segment.Loyal: "42", segment.Potential: "39", segment.Edge: "214", segment.Churned: "203",
	} {
		v.colours[s] = r.NewStyle().Foreground(lipgloss.Color(colour))
	}
	return v
}

// Resize tells how large the terminal is.
func (v *View) Resize(width, height int) { v.width, v.height = width, height }

// recentKept is more than any screen has lines.
const recentKept = 200

// Take shows the next snapshot.
func (v *View) Take(s Snapshot) {
	v.now = s
	for _, m := range s.Moves {
		v.recent = append(v.recent, Move{})
		copy(v.recent[1:], v.recent)
		v.recent[0] = m
	}
	v.recent = v.recent[:min(len(v.recent), recentKept)]
}

// Render is the whole screen.
func (v *View) Render() string {
	lines := []string{
		v.title.Render("Tidemark") + " · a simulated shop, a day in a second" + v.faint.Render("   q quits"),
		v.status(),
		"",
	}
	lines = append(lines, v.bars()...)
	lines = append(lines, "")
	lines = append(lines, v.moves(v.height-len(lines)-2)...)
	lines = append(lines, "", v.footer())
	return strings.Join(lines, "\n")
}

// status is where time and the log are.
func (v *View) status() string {
	switch v.now.Step {
	case Starting:
		return "starting Kafka and Redis in this process …"
	case CatchingUp:
		return fmt.Sprintf("working through %d days of history: %s · %s events/s", v.now.Days, date(v.now.Time), replay.Thousands(v.now.Rate))
	case Verifying:
		return fmt.Sprintf("recomputing everything from %s events, by rules written a second time …", replay.Thousands(v.now.Events))
	default:
		return fmt.Sprintf("%s · %s events/s · %s events · %s changes · %s dead letters", minuteOf(v.now.Time), replay.Thousands(v.now.Rate),
			replay.Thousands(v.now.Events), replay.Thousands(v.now.Changes), replay.Thousands(v.now.DeadLetters))
	}
}

// bars are the four segments, the largest as long as there is room.
func (v *View) bars() []string {
	var total, largest int64
	for _, s := range replay.Segments {
		total += v.now.Sizes[s]
		largest = max(largest, v.now.Sizes[s])
	}
	room := max(v.width-len("potential ")-len(" 1,234,567 100 %"), 4)
	var lines []string
	for _, s := range replay.Segments {
		size, share := v.now.Sizes[s], int64(0)
		if total > 0 {
			share = (200*size + total) / (2 * total)
		}
		full := 0
		if size > 0 {
			full = max(1, int(int64(room)*size/largest))
		}
		lines = append(lines, fmt.Sprintf("%-9s %s%s %9s %3d %%", s, v.colours[s].Render(strings.Repeat("█", full)),
			strings.Repeat(" ", room-full), replay.Thousands(size), share))
	}
	return lines
}

// moves are the latest changes, as many as there is room for.
func (v *View) moves(room int) []string {
	var lines []string
	for _, m := range v.recent[:max(0, min(room, len(v.recent)))] {
		lines = append(lines, fmt.Sprintf("%s  %-8s %s → %s  %s", v.faint.Render(minuteOf(m.At)), m.Customer,
			v.name(m.From, "new", 9), v.name(m.To, "forgotten", 9), v.faint.Render(m.Cause)))
	}
	for len(lines) < room {
		lines = append(lines, "")
	}
	return lines
}

// name is a segment in its colour.
func (v *View) name(s segment.Segment, none string, width int) string {
	text := s.String()
	if s == segment.None {
		text = none
	}
	return v.colours[s].Render(fmt.Sprintf("%-*s", width, text))
}

func (v *View) footer() string {
	return v.faint.Render(fmt.Sprintf("in another terminal: tidemark get %s --namespace %s --redis %s", v.example(), namespace, v.now.RedisAddr))
}

// example is a customer to ask for.
func (v *View) example() string {
	for _, m := range v.recent {
		if m.To != segment.None {
			return m.Customer
		}
	}
	return "c-1"
}

func date(ms int64) string {
	if ms == instant.None {
		return "…"
	}
	return instant.Format(ms)[:len("2006-01-02")]
}

func minuteOf(ms int64) string {
	if ms == instant.None {
		return "…"
	}
	return strings.Replace(instant.Format(ms)[:len("2006-01-02T15:04")], "T", " ", 1)
}
