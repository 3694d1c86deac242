package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pipeline/demo"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/verify"
)

func demoCommand() *cobra.Command {
	o := demo.Default()
	var plain bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch customers change segment, live",
		Long: `Start Kafka, Redis, a simulated shop and the pipeline in this process, and watch:
the shop's time runs a day per second, customers buy, look around, drift away and
come back, and each change of segment rolls by. At the end everything is recomputed
from the log and compared, as by tidemark verify. Nothing is needed and nothing is
kept.`,
		Example: `  tidemark demo
  tidemark demo --for 20s
  tidemark demo --for 1m --plain > demo.txt`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.DurationVar(&o.For, "for", 0, "how long, such as 20s; 0: until q or an interrupt")
	flags.BoolVar(&plain, "plain", false, "lines of text in place of a screen, as where stdout is no terminal")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "another seed, another shop")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if o.For < 0 {
			return misusef("--for %s: give a time from now on, such as 20s", o.For)
		}
		o.Log = logger(c.ErrOrStderr())
		stdout := c.OutOrStdout()
		result, err := show(c.Context(), o, plain || terminalWidth(stdout) == 0, c.InOrStdin(), stdout)
		if err != nil {
			return err
		}
		return conclude(result, stdout)
	}
	return c
}

// show runs the demo on the screen or as lines.
func show(ctx context.Context, o demo.Options, plain bool, stdin io.Reader, stdout io.Writer) (*demo.Result, error) {
	if !plain {
		return demo.Screen(ctx, o, stdin, stdout)
	}
	lines := demo.NewLines(stdout)
	o.Show = lines.Take
	result, err := demo.Run(ctx, o)
	if lines.Err() != nil {
		err = errors.Join(err, fmt.Errorf("writing what happens: %w", lines.Err()))
	}
	return result, err
}

// conclude tells what the demo came to, whether it was right, and where to go
// next. A difference is an error.
func conclude(r *demo.Result, stdout io.Writer) error {
	r.Summary.Elapsed = r.Summary.Elapsed.Round(time.Second / 10)
	if _, err := fmt.Fprintln(stdout); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	if err := r.Summary.Print(stdout); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	if r.Cut {
		if _, err := io.WriteString(stdout, "the pipeline was ended before it had finished what it had in hand\n"); err != nil {
			return fmt.Errorf("writing the summary: %w", err)
		}
	}
	if r.Proof != nil && !r.Proof.Good() {
		return tellReport(stdout, r.Proof, false)
	}
	_, err := io.WriteString(stdout, "\n"+verdict(r.Proof)+`
Where to go next:
  tidemark generate > events.jsonl                              # a log to play with
  tidemark replay --embedded --input events.jsonl --changes -   # what follows from it
  tidemark config print                                         # all that can be set
`)
	if err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

// verdict is what a good verification says in short.
func verdict(r *verify.Report) string {
	if r == nil {
		return "not verified: there was nothing yet, or it would have taken too long\n"
	}
	return fmt.Sprintf(`verified by rules written a second time, in %.1f s: %s records, %s customers, %s changes
0 differences
`, r.Seconds, replay.Thousands(r.Records.Consumed), replay.Thousands(r.Customers), replay.Thousands(r.Changes))
}
