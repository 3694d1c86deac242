package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pipeline/replay"
)

// bar shows progress on one line of a terminal, again and again. A nil bar
// shows nothing.
type bar struct {
	out   io.Writer
	width int
	shown bool
}

// newBar is nil where stderr is no terminal: nobody watches.
func newBar(stderr io.Writer) *bar {
	width := terminalWidth(stderr)
	if width == 0 {
		return nil
	}
	return &bar{out: stderr, width: width}
}

const clearLine = "\r\x1b[K"

func (b *bar) show(p replay.Progress) {
	b.shown = true
	fmt.Fprint(b.out, clearLine+renderBar(p, b.width))
}

// counting shows a number that grows. It may be called often.
func (b *bar) counting(what string) func(n int64) {
	if b == nil {
		return func(int64) {}
	}
	var last time.Time
	return func(n int64) {
		if now := time.Now(); now.Sub(last) >= 100*time.Millisecond {
			last, b.shown = now, true
			fmt.Fprintf(b.out, "%s%s %s", clearLine, replay.Thousands(n), what)
		}
	}
}

// clear leaves the line as it was.
func (b *bar) clear() {
	if b != nil && b.shown {
		fmt.Fprint(b.out, clearLine)
	}
}

// renderBar is one line of less than width columns.
func renderBar(p replay.Progress, width int) string {
	label := fmt.Sprintf("%-9s ", p.Step)
	amount := " " + amounts(p)
	room := width - 1 - len(label) - len(amount) - len("[] 100%")
	if p.Total <= 0 || room < 5 {
		return label + strings.TrimLeft(amount, " ")
	}
	share := min(float64(p.Done)/float64(p.Total), 1)
	full := int(share * float64(room))
	return fmt.Sprintf("%s[%s%s] %3.0f%%%s", label, strings.Repeat("█", full), strings.Repeat("░", room-full), 100*share, amount)
}

func amounts(p replay.Progress) string {
	switch p.Step {
	case replay.Loading:
		return fmt.Sprintf("%.1f MB", float64(p.Done)/1e6)
	case replay.Writing:
		return replay.Thousands(p.Done) + " changes"
	default:
		return replay.Thousands(p.Done) + " events"
	}
}
