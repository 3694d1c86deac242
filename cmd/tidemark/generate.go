package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pkg/shop"
)

func generateCommand() *cobra.Command {
	o := shop.Default()
	from, to := instantValue{o.From}, instantValue{o.To}
	c := &cobra.Command{
		Use:   "generate",
		Short: "Write the events of a simulated shop",
		Long: `Write the events of a simulated shop as lines of JSON to the standard output:
purchases by the BG/NBD model with Gamma and Beta distributed customers, visits
before them and without, refunds, corrections, a few erasures. The same options
give the same bytes on every machine.

Lines come in order of time, but for what --disorder and --duplicates do to them.
With --events, exactly so many lines are written; a shop that would make fewer
between --from and --to lives faster.`,
		Example: `  tidemark generate > events.jsonl
  tidemark generate --customers 100000 --events 1000000 --zipf 1.1 --seed 7 | gzip > events.jsonl.gz
  tidemark generate --duplicates 0.2 --disorder 0.1 --malformed 0.01 | tidemark replay --embedded --input -`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.From, o.To = from.ms, to.ms
			return generate(c.Context(), o, c.OutOrStdout())
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.IntVar(&o.Customers, "customers", o.Customers, "how many customers there are")
	flags.Int64Var(&o.Events, "events", o.Events, "how many lines to write; 0: all until --to")
	flags.Var(&from, "from", "when the shop opens")
	flags.Var(&to, "to", "when it closes")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "another seed, another shop")
	flags.Float64Var(&o.Zipf, "zipf", o.Zipf, "skew of activity over customers, such as 1.1; 0: as the model has it")
	flags.Float64Var(&o.Duplicates, "duplicates", o.Duplicates, "share of events that are delivered again, up to a week later")
	flags.Float64Var(&o.Disorder, "disorder", o.Disorder, "share of events that arrive late, by seconds to days")
	flags.Float64Var(&o.Malformed, "malformed", o.Malformed, "share of lines that cannot be decoded")
	return c
}

// generate writes a shop's lines.
func generate(ctx context.Context, o shop.Options, stdout io.Writer) error {
	// With many events New takes a while and knows no interrupt: the second one
	// ends the process, which leaves nothing behind.
	s, err := shop.New(o)
	if err != nil {
		return misusef("%v", err)
	}
	out := bufio.NewWriterSize(stdout, 1<<20)
	for n := 0; ; n++ {
		line, ok := s.Next()
		if !ok {
			break
		}
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		_, _ = out.Write(line.Value)
		if err := out.WriteByte('\n'); err != nil { // the first error of a bufio.Writer stays
			return fmt.Errorf("writing the events: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the events: %w", err)
	}
	return nil
}
