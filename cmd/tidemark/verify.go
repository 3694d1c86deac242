package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/verify"
)

func verifyCommand() *cobra.Command {
	var o verify.Options
	c := &cobra.Command{
		Use:   "verify -c FILE",
		Short: "Recompute everything from the log and compare",
		Long: `Read the inputs from their beginning to where the shards stand, recompute every
customer by rules written a second time, and compare: every customer in Redis with
his timer, every published change byte by byte, every counter. Nothing is changed.
The workers must not run meanwhile: drain them first.

Of a live run the log does not tell how the topics interleaved. A change is right
if some order that agrees with all positions published (header tidemark-at) gives
exactly the changes that there are. After a replay (--replay) the log alone decides
about every change.

Any difference makes the exit code 1. Customers of whom arrival decided what is
kept (orders folded early, events too old for an effect) are listed apart.`,
		Example: `  tidemark verify -c tidemark.yaml
  tidemark verify -c tidemark.yaml --output json
  tidemark verify -c tidemark.yaml --memory 2048 --differences 100`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	file := configFlag(c, "the configuration of the namespace")
	output := flags.String("output", "text", "text or json")
	flags.BoolVar(&o.Replay, "replay", false, "the namespace was made by a replay")
	memory := flags.Int64("memory", 512, "events and changes held at once, MiB: with less the log is read more often")
	flags.IntVar(&o.Keep, "differences", 20, "differences shown in full")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case *output != "text" && *output != "json":
			return misusef("--output %q: write text or json", *output)
		case *memory < 1:
			return misusef("--memory %d: give at least 1 MiB", *memory)
		case o.Keep < 1:
			return misusef("--differences %d: give at least 1", o.Keep)
		}
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		o.MemoryBytes = *memory << 20
		report, err := runVerify(c.Context(), o, loaded, c.ErrOrStderr())
		if err != nil {
			return err
		}
		return tellReport(c.OutOrStdout(), report, *output == "json")
	}
	return c
}

// runVerify verifies the namespace of a configuration.
func runVerify(ctx context.Context, o verify.Options, c *config.Config, stderr io.Writer) (*verify.Report, error) {
	where, err := servers(c)
	if err != nil {
		return nil, err
	}
	o.Kafka, o.Redis, o.Namespace = where.Kafka, where.Redis, where.Namespace
	o.Inputs, o.Changes, o.Policy = where.Inputs, where.Changes, c.Policy
	bar := newBar(stderr)
	if bar != nil {
		o.Progress = bar.verified
	}
	defer bar.clear()
	return verify.Run(ctx, o)
}

// verified shows how far a verification is.
func (b *bar) verified(p verify.Progress) {
	b.shown = true
	fmt.Fprintf(b.out, "%sverifying %d of %d shards, %s records", clearLine, p.Done, p.Shards, replay.Thousands(p.Records))
}

// tellReport writes the report. A difference is an error.
func tellReport(w io.Writer, r *verify.Report, asJSON bool) error {
	var err error
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(r)
	} else {
		_, err = io.WriteString(w, reportText(r))
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if !r.Good() {
		return fmt.Errorf("namespace %s is not what its log says: %s", r.Namespace, counted(int(r.Differences), "difference"))
	}
	return nil
}

// reportText is the report for people.
func reportText(r *verify.Report) string {
	var text strings.Builder
	rate := ""
	if r.Seconds > 0 {
		rate = fmt.Sprintf(" (%s/s)", replay.Thousands(int64(float64(r.Records.Consumed)/r.Seconds)))
	}
	fmt.Fprintf(&text, "namespace %s, a %s run under policy %s: %s in %.1f s%s\n\n", r.Namespace, r.Mode, r.Policy, counted(r.Shards, "shard"), r.Seconds, rate)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(name string, n int64, what string) {
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, replay.Thousands(n), what)
	}
	row("records", r.Records.Consumed, fmt.Sprintf("%s applied, %s without effect, %s dead letters", replay.Thousands(r.Records.Applied),
		replay.Thousands(r.Records.NoEffect()), replay.Thousands(r.Records.Dead())))
	row("customers", r.Customers, "recomputed and compared")
	row("changes", r.Changes, fmt.Sprintf("%s sent again, %s not yet sent", replay.Thousands(r.Repeats), replay.Thousands(r.Unsent)))
	for _, c := range []struct {
		n    int64
		name string
		what string
	}{
		{r.Due, "due", "customers whose deadline a worker has still to see"},
		{int64(len(r.Rewound)), "rewound", "shards whose Redis had lost what was published: what was silent then is not known"},
		{r.Apart.Floor.Count, "floor", "customers with orders folded early" + some(&r.Apart.Floor)},
		{r.Apart.Stale.Count, "stale", "customers with events too old for an effect" + some(&r.Apart.Stale)},
		{r.Apart.Undecided.Count, "undecided", "customers of whom only arrival knew" + some(&r.Apart.Undecided)},
	} {
		if c.n > 0 {
			row(c.name, c.n, c.what)
		}
	}
	_ = table.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&text, "\n%s\n", counted(int(r.Differences), "difference"))
	for i := range r.First {
		d := &r.First[i]
		place := fmt.Sprintf("shard %d", d.Shard)
		if d.Customer != "" {
			place += fmt.Sprintf(", customer %q", d.Customer)
		}
		fmt.Fprintf(&text, "\n%s: %s\n  found     %s\n  expected  %s\n", place, d.What, d.Found, d.Expected)
	}
	if more := r.Differences - int64(len(r.First)); more > 0 {
		fmt.Fprintf(&text, "\nand %s more\n", replay.Thousands(more))
	}
	return text.String()
}

// some names the first of the customers.
func some(c *verify.Customers) string {
	if len(c.First) == 0 {
		return ""
	}
	return ", " + strings.Join(c.First[:min(len(c.First), 3)], ", ")
}
