package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
)

func deadLettersCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "dead-letters",
		Short:   "Look at rejected records, or send them back",
		Example: "  tidemark dead-letters list -c tidemark.yaml\n  tidemark dead-letters retry -c tidemark.yaml --reason misplaced",
	}, deadLettersListCommand(), deadLettersRetryCommand())
}

// letterFlags are what list and retry have in common: which letters.
type letterFlags struct {
	file         *string
	reasons      []string
	since, until instantValue
	limit        int
}

func addLetterFlags(c *cobra.Command, limit string) *letterFlags {
	f := &letterFlags{since: instantValue{instant.None}, until: instantValue{instant.None}}
	flags := c.Flags()
	flags.SortFlags = false
	f.file = configFlag(c, "the configuration of the namespace")
	flags.StringSliceVar(&f.reasons, "reason", nil, "of these reasons, such as misplaced,future_dated (default: all)")
	flags.Var(&f.since, "since", "rejected at or after this instant")
	flags.Var(&f.until, "until", "rejected before this instant")
	flags.IntVar(&f.limit, "limit", 0, limit)
	return f
}

// filter says what the flags choose, or how they make no sense.
func (f *letterFlags) filter() (deadletter.Filter, error) {
	var known []string
	for _, reason := range event.Reasons {
		known = append(known, reason.String())
	}
	for _, reason := range f.reasons {
		if !slices.Contains(known, reason) {
			return deadletter.Filter{}, misusef("--reason %q: there are %s", reason, strings.Join(known, ", "))
		}
	}
	if f.limit < 0 {
		return deadletter.Filter{}, misusef("--limit %d: give at least 1, or 0 for all", f.limit)
	}
	return deadletter.Filter{Reasons: f.reasons, Since: f.since.ms, Until: f.until.ms}, nil
}

func deadLettersListCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list -c FILE",
		Short: "Show rejected records with the reasons",
		Long: `Show what the dead-letter topic holds now: when each record was rejected and why,
where it was read, its key and value. By partitions of the topic, each in its order.
As JSON, one object a line with everything; what is not text is in base64.`,
		Example: `  tidemark dead-letters list -c tidemark.yaml
  tidemark dead-letters list -c tidemark.yaml --reason malformed,bad_value --since 2026-03-01
  tidemark dead-letters list -c tidemark.yaml --limit 10 --output json`,
		Args: cobra.NoArgs,
	}
	f := addLetterFlags(c, "show at most so many; 0: all")
	output := c.Flags().String("output", "text", "text or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		filter, err := f.filter()
		if err != nil {
			return err
		}
		if *output != "text" && *output != "json" {
			return misusef("--output %q: write text or json", *output)
		}
		loaded, err := loadConfig(*f.file)
		if err != nil {
			return err
		}
		return withConnection(loaded, func(connection *pipeline.Connection) error {
			return listLetters(c.Context(), connection, loaded, filter, f.limit, *output == "json", c.OutOrStdout(), c.ErrOrStderr())
		})
	}
	return c
}

func listLetters(ctx context.Context, connection *pipeline.Connection, c *config.Config, filter deadletter.Filter, limit int, asJSON bool, stdout, stderr io.Writer) error {
	out := bufio.NewWriter(stdout)
	shown := 0
	foreign, err := deadletter.Read(ctx, connection.Client, c.Kafka.Topics.DeadLetters, filter, func(at deadletter.Place, l *deadletter.Letter) error {
		if limit > 0 && shown == limit {
			return deadletter.ErrEnough
		}
		shown++
		if asJSON {
			return l.PrintJSON(out, at)
		}
		return l.PrintText(out, at)
	})
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("writing the dead letters: %w", flushErr)
	}
	tellForeign(stderr, foreign, c.Kafka.Topics.DeadLetters)
	return err
}

// tellForeign tells of records that others wrote to the dead-letter topic.
func tellForeign(stderr io.Writer, n int, topic string) {
	if n > 0 {
		fmt.Fprintf(stderr, "%s of %s not written by Tidemark: passed over\n", counted(n, "record"), topic)
	}
}

func deadLettersRetryCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "retry -c FILE",
		Short: "Send rejected records back to the inputs",
		Long: `Send what the dead-letter topic holds now back to where it was read, with its key,
value and headers, and with its time (header tidemark-timestamp). Two kinds are
changed by as much as helps: misplaced ones go to the partition of their customer,
future_dated ones get the time of now. Two kinds would come back for ever, and are
left out and counted unless --reason names them: too_late and oversized ones. Name
them where the policy takes more now than it did.

What is still bad comes back as a new dead letter: a malformed record stays one until
a release reads it. Letters stay in their topic, so say with --since and --until which
ones are meant; events that were sent twice count once. So --limit sends the first
letters each time, and does not continue where the last retry ended. Letters of
topics that are no inputs (of repartition) are passed over and counted.

To repair letters, write them to a file with list --output json, change keys, values
or headers there (what is not text is in value_base64), take out the lines that are
to stay, and give the file with --repaired: its lines are sent in the place of all
that the topic holds, each to the partition of the customer that it names now, with
the time that its record had.`,
		Example: `  tidemark dead-letters retry -c tidemark.yaml --dry-run
  tidemark dead-letters retry -c tidemark.yaml --reason misplaced --since 2026-03-01 --until 2026-03-02T12:00:00Z
  tidemark dead-letters list -c tidemark.yaml --reason bad_value --output json > letters.jsonl
  tidemark dead-letters retry -c tidemark.yaml --repaired letters.jsonl`,
		Args: cobra.NoArgs,
	}
	f := addLetterFlags(c, "send at most so many, the first ones each time; 0: all")
	c.Flags().Lookup("reason").Usage = "of these reasons, such as misplaced,future_dated (default: all but too_late and oversized)"
	repaired := c.Flags().String("repaired", "", "send the letters of this file, lines of list --output json that were mended; - is stdin")
	dry := c.Flags().Bool("dry-run", false, "say what would be sent, and send nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		filter, err := f.filter()
		if err != nil {
			return err
		}
		mended, err := openRepaired(*repaired, c.InOrStdin())
		if err != nil {
			return err
		}
		if mended != nil {
			defer func() { _ = mended.Close() }() // it was only read
		}
		loaded, err := loadConfig(*f.file)
		if err != nil {
			return err
		}
		return withConnection(loaded, func(connection *pipeline.Connection) error {
			retry := &deadletter.Retry{Source: connection.Client, Log: connection.Large, Topic: loaded.Kafka.Topics.DeadLetters,
				Inputs: inputs(loaded), Policy: loaded.Policy, Filter: filter, Limit: f.limit, DryRun: *dry}
			if mended != nil {
				retry.Repaired = mended
			}
			done, err := retry.Run(c.Context())
			if done == nil {
				return err
			}
			tellForeign(c.ErrOrStderr(), done.Foreign, retry.Topic)
			return errors.Join(err, tellRetried(c.OutOrStdout(), done, *dry)) // what was sent counts also where it failed
		})
	}
	return c
}

// openRepaired opens the file of --repaired, nil where none is named.
func openRepaired(name string, stdin io.Reader) (io.ReadCloser, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return io.NopCloser(stdin), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening the repaired letters: %w", err)
	}
	return file, nil
}

func tellRetried(w io.Writer, done *deadletter.Retried, dry bool) error {
	var text strings.Builder
	verb := "sent back"
	if dry {
		verb = "would send back"
	}
	fmt.Fprintf(&text, "%s %s%s\n", verb, counted(done.Total(), "letter"), byName(done.Sent))
	if n := sum(done.LeftOut); n > 0 {
		fmt.Fprintf(&text, "left out %s that would come back, name them with --reason to send them too%s\n", counted(n, "letter"), byName(done.LeftOut))
	}
	if n := sum(done.Elsewhere); n > 0 {
		fmt.Fprintf(&text, "passed over %s of other topics than the inputs, or of partitions that they do not have%s\n", counted(n, "letter"), byName(done.Elsewhere))
	}
	if done.Total() > 0 && !dry {
		text.WriteString("what is still bad comes back as a new letter\n")
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("writing what was done: %w", err)
	}
	return nil
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// byName is ": 2 malformed, 1 oversized".
func byName(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// withConnection lends the clients of a configuration's servers for a call.
func withConnection(c *config.Config, call func(*pipeline.Connection) error) error {
	connection, err := connect(c)
	if err != nil {
		return err
	}
	return errors.Join(call(connection), connection.Close())
}
