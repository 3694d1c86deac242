package demo

import (
	"fmt"
	"io"
	"strings"

	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Lines is the demo as lines of text, for where there is no screen: a few of the
// changes as they come, and how things stand about once a second.
type Lines struct {
	out   io.Writer
	step  Step
	shown int // snapshots
	err   error
}

// NewLines writes to out.
func NewLines(out io.Writer) *Lines { return &Lines{out: out} }

// Snapshots come about ten times a second: how many of them make a line of how
// things stand, and how many one of a change.
const (
	standEvery = 10
	moveEvery  = 2
)

// Take shows the next snapshot.
func (l *Lines) Take(s Snapshot) {
	if l.shown == 0 || s.Step != l.step {
		l.begin(s)
	}
	l.step = s.Step
	if s.Step == Live && l.shown%moveEvery == 0 && len(s.Moves) > 0 {
		l.move(s.Moves[len(s.Moves)-1])
	}
	if (s.Step == CatchingUp || s.Step == Live) && l.shown%standEvery == standEvery-1 {
		l.stand(s)
	}
	l.shown++
}

// Err is the first error of writing.
func (l *Lines) Err() error { return l.err }

// begin tells what is done now.
func (l *Lines) begin(s Snapshot) {
	switch s.Step {
	case Starting:
		l.print("starting Kafka and Redis in this process; they keep nothing\n")
	case CatchingUp:
		l.print("working through %d days of a simulated shop's history\n", s.Days)
	case Live:
		l.stand(s)
		l.print("a day passes in a second now; in another terminal: tidemark get c-1 --namespace %s --redis %s\n", namespace, s.RedisAddr)
	case Verifying:
		l.print("verifying what was done\n")
	}
}

func (l *Lines) stand(s Snapshot) {
	var sizes []string
	for _, seg := range replay.Segments {
		sizes = append(sizes, fmt.Sprintf("%s %s", replay.Thousands(s.Sizes[seg]), seg))
	}
	l.print("%s  %s | %s events (%s/s), %s changes, %s dead letters\n", minuteOf(s.Time), strings.Join(sizes, ", "),
		replay.Thousands(s.Events), replay.Thousands(s.Rate), replay.Thousands(s.Changes), replay.Thousands(s.DeadLetters))
}

func (l *Lines) move(m Move) {
	from, to := m.From.String(), m.To.String()
	if m.From == segment.None {
		from = "new"
	}
	if m.To == segment.None {
		to = "forgotten"
	}
	l.print("%s  %-8s %s → %s (%s)\n", minuteOf(m.At), m.Customer, from, to, m.Cause)
}

func (l *Lines) print(format string, values ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.out, format, values...)
	}
}
