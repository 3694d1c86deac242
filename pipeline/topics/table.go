package topics

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// marks stand before a row: what a worker refuses, and what it only tells of.
var marks = [...]string{Good: " ", Unknown: "?", Advice: "~", Wrong: "!"}

// Print writes a table of what is and what should be, and under it what to do
// about each row that is not good.
func Print(w io.Writer, findings []Finding) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  TOPIC\tPROPERTY\tIS\tSHOULD BE")
	for i := range findings {
		f := &findings[i]
		fmt.Fprintf(table, "%s %s\t%s\t%s\t%s\n", marks[f.Level], f.Topic, f.Property, f.Is, f.Should)
	}
	_ = table.Flush() // a strings.Builder takes everything
	for i := range findings {
		if f := &findings[i]; f.Level != Good {
			fmt.Fprintf(&text, "\n%s %s:\n  %s.\n", marks[f.Level], f.Reason, f.Remedy)
		}
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("writing the topics: %w", err)
	}
	return nil
}

// Refused counts what a worker would refuse to start with.
func Refused(findings []Finding) (n int) {
	for i := range findings {
		if findings[i].Level == Wrong {
			n++
		}
	}
	return n
}
