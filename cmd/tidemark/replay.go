package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pkg/instant"
)

func replayCommand() *cobra.Command {
	o := replay.Options{}
	until := instantValue{instant.None}
	var embedded bool
	c := &cobra.Command{
		Use:   "replay --embedded --input FILE…",
		Short: "Compute the changes and profiles of a file of events",
		Long: `Run files of events, one JSON object a line, through the pipeline, and write what
followed: every change of segment, every customer's profile, everything that was
rejected. Only the events move time, so the same files and policy give the same
bytes on every run.

Kafka and Redis run inside this process and keep nothing. Purchases, refunds and
erasures go to the topic purchases, clicks to clicks, 12 partitions each, in the
order of the files; occurred_at is the record's timestamp too. A line that cannot
be decoded goes to partition 0 of purchases and comes out as a dead letter.

FILE may be - for the standard input or output, and .gz is packed. Changes come
shard by shard in order of time, profiles and dead letters shard by shard.`,
		Example: `  tidemark replay --embedded --input events.jsonl.gz --changes changes.jsonl --profiles profiles.jsonl
  tidemark generate | tidemark replay --embedded --input - --until 2026-07-01 --changes -
  tidemark replay --embedded --input 2025.jsonl 2026.jsonl -c strict.yaml --dead-letters bad.jsonl.gz`,
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&embedded, "embedded", false, "run Kafka and Redis inside this process (the only way so far)")
	flags.StringArrayVar(&o.Inputs, "input", nil, "a file of events; further ones may follow, or --input again")
	flags.Var(&until, "until", "go on to this instant at the end, and no further (default: the last event)")
	flags.StringVar(&o.Changes, "changes", "", "write the changes to this file")
	flags.StringVar(&o.Profiles, "profiles", "", "write the customers with a segment to this file")
	flags.StringVar(&o.DeadLetters, "dead-letters", "", "write the rejected lines to this file")
	file := configFlag(c, "a configuration with another policy")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Inputs = append(o.Inputs, args...)
		o.Until = until.ms
		if err := checkReplay(&o, embedded); err != nil {
			return err
		}
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		o.Policy = loaded.Policy
		o.Stdin, o.Stdout = c.InOrStdin(), c.OutOrStdout()
		return runReplay(c.Context(), o, c.ErrOrStderr())
	}
	return c
}

// checkReplay finds what makes no sense before anything is begun.
func checkReplay(o *replay.Options, embedded bool) error {
	if !embedded {
		return misusef("replay runs on servers inside this process only, so far: add --embedded")
	}
	if len(o.Inputs) == 0 {
		return misusef("no events: name a file with --input, or - for the standard input")
	}
	stdins := 0
	for _, path := range o.Inputs {
		if path == "-" {
			stdins++
		}
	}
	if stdins > 1 {
		return misusef("the standard input can be read once: give --input - once")
	}
	used := map[string]string{}
	for _, output := range []struct{ flag, path string }{
		{"--changes", o.Changes}, {"--profiles", o.Profiles}, {"--dead-letters", o.DeadLetters},
	} {
		if first, twice := used[output.path]; twice && output.path != "" {
			return misusef("%s and %s go to the same file %s: name two", first, output.flag, output.path)
		}
		used[output.path] = output.flag
	}
	return nil
}

func runReplay(ctx context.Context, o replay.Options, stderr io.Writer) error {
	log, bar := logger(stderr), newBar(stderr)
	o.Log = log
	if bar != nil {
		o.Progress = bar.show
	}
	summary, err := replay.Run(ctx, o)
	bar.clear()
	if err != nil {
		return err
	}
	// The summary must not get between lines of data.
	to := o.Stdout
	if o.Changes == "-" || o.Profiles == "-" || o.DeadLetters == "-" {
		to = stderr
	}
	if err := summary.Print(to); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}
