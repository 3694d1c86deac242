package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pkg/instant"
)

func replayCommand() *cobra.Command {
	var o replay.KafkaOptions
	until := instantValue{instant.None}
	var embedded bool
	c := &cobra.Command{
		Use:   "replay (--embedded --input FILE… | -c FILE)",
		Short: "Compute the changes and profiles of a log of events",
		Long: `Run a log of events through the pipeline, and write what followed: every change of
segment, every customer's profile, everything that was rejected. Only the events
move time, so the same log and policy give the same bytes on every run.

With --embedded the log is files of events, one JSON object a line. Kafka and Redis
run inside this process and keep nothing. Purchases, refunds and erasures go to the
topic purchases, clicks to clicks, 12 partitions each, in the order of the files;
occurred_at is the record's timestamp too. A line that cannot be decoded goes to
partition 0 of purchases and comes out as a dead letter.

With -c the log is the configured inputs, from their beginning to where they end
now. The replay works in a namespace of its own in the configured Redis, which is
deleted at the end unless --keep is given. The live namespace and its topics are not
touched: changes and dead letters go to files in TMPDIR (/tmp) that are gone at the
end, or changes go to --to-topic, which must be empty and have as many partitions as
the inputs. Processes that are given the same --namespace, --to-topic and --keep share
the work; tidemark verify --replay proves it, by a configuration that names that
namespace and that topic.

FILE may be - for the standard input or output, and .gz is packed. Changes come
shard by shard in order of time, profiles and dead letters shard by shard.`,
		Example: `  tidemark replay --embedded --input events.jsonl.gz --changes changes.jsonl --profiles profiles.jsonl
  tidemark generate | tidemark replay --embedded --input - --until 2026-07-01 --changes -
  tidemark replay --embedded --input 2025.jsonl 2026.jsonl -c strict.yaml --dead-letters bad.jsonl.gz
  tidemark replay -c tidemark.yaml --profiles profiles.jsonl.gz
  tidemark replay -c tidemark.yaml --namespace shop-trial --to-topic segment-trial --keep`,
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&embedded, "embedded", false, "replay files, with Kafka and Redis inside this process")
	flags.StringArrayVar(&o.Inputs, "input", nil, "a file of events; further ones may follow, or --input again")
	flags.Var(&until, "until", "go on to this instant at the end, and no further (default: the last event)")
	flags.StringVar(&o.Changes, "changes", "", "write the changes to this file")
	flags.StringVar(&o.Profiles, "profiles", "", "write the customers with a segment to this file")
	flags.StringVar(&o.DeadLetters, "dead-letters", "", "write the rejected records to this file")
	file := configFlag(c, "a configuration: its inputs are replayed, or with --embedded its policy is used")
	flags.StringVar(&o.Namespace, "namespace", "", "the replay's namespace (default: the live one's name, -replay-, the time)")
	flags.StringVar(&o.ToTopic, "to-topic", "", "publish the changes to this topic (default: nowhere)")
	flags.BoolVar(&o.Keep, "keep", false, "leave the namespace in Redis")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Inputs = append(o.Inputs, args...)
		o.Until = until.ms
		check := checkKafkaReplay
		if embedded || len(o.Inputs) > 0 || *file == "" {
			check = checkReplay
		}
		if err := errors.Join(check(&o, embedded), checkOutputs(&o.Options)); err != nil {
			return err
		}
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		o.Policy = loaded.Policy
		o.Stdin, o.Stdout = c.InOrStdin(), c.OutOrStdout()
		if embedded {
			return runReplay(o.Options, c.ErrOrStderr(), "", func(o replay.Options) (*replay.Summary, error) { return replay.Run(c.Context(), o) })
		}
		return runKafkaReplay(c.Context(), o, loaded, c.ErrOrStderr())
	}
	return c
}

// checkReplay finds what makes no sense in a replay of files before anything is
// begun.
func checkReplay(o *replay.KafkaOptions, embedded bool) error {
	switch {
	case !embedded && len(o.Inputs) > 0:
		return misusef("files are replayed inside this process: add --embedded")
	case !embedded:
		return misusef("say what is replayed: --embedded --input FILE, or -c FILE for the inputs of a configuration")
	case o.Namespace != "" || o.ToTopic != "" || o.Keep:
		return misusef("--namespace, --to-topic and --keep are of a replay from Kafka: leave --embedded out")
	case len(o.Inputs) == 0:
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
	return nil
}

// checkKafkaReplay does so for a replay from Kafka.
func checkKafkaReplay(o *replay.KafkaOptions, _ bool) error {
	if o.Namespace != "" {
		if err := config.CheckNamespace(o.Namespace); err != nil {
			return misusef("--namespace: %v", err)
		}
	}
	o.Shared = o.Namespace != "" && o.ToTopic != ""
	switch files := o.Changes + o.Profiles + o.DeadLetters; {
	case o.Shared && !o.Keep:
		return misusef("with --namespace and --to-topic several processes share the replay, and none knows when all are done: add --keep, and delete it later")
	case o.Shared && files != "":
		return misusef("with --namespace and --to-topic several processes share the replay, and none has all results: read the topic and use tidemark export")
	}
	return nil
}

// checkOutputs finds results that would overwrite each other.
func checkOutputs(o *replay.Options) error {
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

// runKafkaReplay replays the inputs of a configuration.
func runKafkaReplay(ctx context.Context, o replay.KafkaOptions, c *config.Config, stderr io.Writer) error {
	if o.Namespace == "" {
		o.Namespace = replay.DeriveNamespace(c.Namespace, time.Now())
	}
	if o.Namespace == c.Namespace {
		return misusef("--namespace %s is the live one: name another", o.Namespace)
	}
	if slices.Contains(append(inputs(c), c.Kafka.Topics.Changes, c.Kafka.Topics.DeadLetters), o.ToTopic) {
		return misusef("--to-topic %s is a topic of the live namespace: name another", o.ToTopic)
	}
	var err error
	if o.Servers, err = servers(c); err != nil {
		return err
	}
	o.AcceptTruncated = c.Start.AcceptTruncated
	after := ""
	if o.Keep {
		after = fmt.Sprintf("\nkept: tidemark export -c … --namespace %[1]s lists it, tidemark namespace delete -c … --namespace %[1]s deletes it\n", o.Namespace)
	}
	return runReplay(o.Options, stderr, after, func(options replay.Options) (*replay.Summary, error) {
		o.Options = options
		return replay.FromKafka(ctx, o)
	})
}

// runReplay replays with a bar, and prints what it came to.
func runReplay(o replay.Options, stderr io.Writer, after string, run func(replay.Options) (*replay.Summary, error)) error {
	log, bar := logger(stderr), newBar(stderr)
	o.Log = log
	if bar != nil {
		o.Progress = bar.show
	}
	summary, err := run(o)
	bar.clear()
	if err != nil {
		return err
	}
	// The summary must not get between lines of data.
	to := o.Stdout
	if o.Changes == "-" || o.Profiles == "-" || o.DeadLetters == "-" {
		to = stderr
	}
	if err = summary.Print(to); err == nil {
		_, err = io.WriteString(to, after)
	}
	if err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}
