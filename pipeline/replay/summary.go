package replay

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Summary is what a run came to.
type Summary struct {
	Counts     store.Counts // of all records of the inputs
	Changes    int64
	Moves      [segment.Count][segment.Count]int64 // changes by from and to
	Sizes      [segment.Count]int64                // customers by segment, at the end
	StreamTime int64                               // the latest of any shard, unix ms; instant.None without events
	Dropped    int64                               // refunds whose order never came
	Elapsed    time.Duration
}

// Add takes in how a shard stands.
func (s *Summary) Add(state *store.State) {
	for i := range state.Topics {
		s.Counts.Add(&state.Topics[i].Counts)
	}
	for i, n := range state.Sizes {
		s.Sizes[i] += n
	}
	s.Dropped += state.Dropped
	s.StreamTime = max(s.StreamTime, state.Clock)
}

// Moved takes in a change.
func (s *Summary) Moved(from, to segment.Segment) {
	s.Changes++
	s.Moves[from][to]++
}

// Segments are the four, in the order in which people think of them.
var Segments = [...]segment.Segment{segment.Loyal, segment.Potential, segment.Edge, segment.Churned}

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) error {
	var text strings.Builder
	s.events(&text)
	s.moves(&text)
	s.sizes(&text)
	_, err := io.WriteString(w, text.String())
	return err
}

func (s *Summary) events(text *strings.Builder) {
	fmt.Fprintf(text, "%s events", Thousands(s.Counts.Consumed))
	if seconds := s.Elapsed.Seconds(); seconds > 0 {
		fmt.Fprintf(text, " in %.1f s (%s/s)", seconds, Thousands(int64(float64(s.Counts.Consumed)/seconds)))
	}
	fmt.Fprintf(text, ": %s applied, %s without effect, %s dead letters\n",
		Thousands(s.Counts.Applied), Thousands(s.Counts.NoEffect()), Thousands(s.Counts.Rejected()))
	var reasons []string
	for reason := event.Reason(1); int(reason) < event.Count; reason++ {
		if n := s.Counts.Dead[reason]; n > 0 {
			reasons = append(reasons, fmt.Sprintf("%s %s", Thousands(n), reason))
		}
	}
	if len(reasons) > 0 {
		fmt.Fprintf(text, "rejected: %s\n", strings.Join(reasons, ", "))
	}
	if s.StreamTime != instant.None {
		fmt.Fprintf(text, "stream time: %s\n", instant.Format(s.StreamTime))
	}
}

func (s *Summary) moves(text *strings.Builder) {
	fmt.Fprintf(text, "\n%s changes of segment\n", Thousands(s.Changes))
	if s.Moves == [segment.Count][segment.Count]int64{} {
		return // there were none, or they were not read
	}
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "from \\ to\t")
	targets := append(Segments[:len(Segments):len(Segments)], segment.None)
	for _, to := range targets {
		fmt.Fprintf(table, "%s\t", name(to, "forgotten"))
	}
	fmt.Fprintln(table)
	for _, from := range append([]segment.Segment{segment.None}, Segments[:]...) {
		fmt.Fprintf(table, "%s\t", name(from, "new"))
		for _, to := range targets {
			cell := "·"
			if n := s.Moves[from][to]; n > 0 {
				cell = Thousands(n)
			}
			fmt.Fprintf(table, "%s\t", cell)
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // a strings.Builder takes everything
}

func (s *Summary) sizes(text *strings.Builder) {
	var total int64
	var parts []string
	for _, seg := range Segments {
		total += s.Sizes[seg]
		parts = append(parts, fmt.Sprintf("%s %s", Thousands(s.Sizes[seg]), seg))
	}
	fmt.Fprintf(text, "\n%s customers at the end: %s\n", Thousands(total), strings.Join(parts, ", "))
}

// name is the name of a segment, or of the lack of one.
func name(s segment.Segment, none string) string {
	if s == segment.None {
		return none
	}
	return s.String()
}

// Thousands writes a number with commas: 1,234,567.
func Thousands(n int64) string {
	if n < 0 {
		return "-" + Thousands(-n)
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}
