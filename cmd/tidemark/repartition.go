package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/repartition"
)

func repartitionCommand() *cobra.Command {
	var from []string
	var to string
	var toEnd bool
	c := &cobra.Command{
		Use:   "repartition -c FILE --from TOPIC…",
		Short: "Forward events that are keyed otherwise to an input",
		Long: `Forward the events of topics that are keyed otherwise, or have another number of
partitions, to an input of the configuration: each to the partition of its customer,
keyed by customer_id, with the time of its record (header tidemark-timestamp). What
tells no customer goes to the dead letters.

Events are forwarded in the order of event time, so that a dense topic does not come
too late behind a sparse one. Only what one process forwards is in that order: let
one process forward all topics of a history longer than the policy's horizon, and
others join it when it has caught up. --to-end ends when everything there is has been
forwarded (of a process that shares the work: of its partitions).

Otherwise it runs until it is interrupted, comes to rest within 5 seconds, and goes
on later where it was: the offsets of its consumer group are all that it keeps.
Processes with the same --to share the group, tidemark-<namespace>-repartition-<to>.
Kafka forgets an idle group's offsets after offsets.retention.minutes, 7 days by
default; then everything is forwarded again. That, or a crash, repeats events and
loses none; of a partition's events, one customer's stay in order.`,
		Example: `  tidemark repartition -c tidemark.yaml --from old-purchases --to purchases
  tidemark repartition -c tidemark.yaml --from clicks-eu,clicks-us --to clicks --to-end`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	file := configFlag(c, "the configuration of the namespace")
	flags.StringSliceVar(&from, "from", nil, "topics to forward")
	flags.StringVar(&to, "to", "", "the input to forward to; not needed where there is only one")
	flags.BoolVar(&toEnd, "to-end", false, "end when everything there is has been forwarded")
	c.RunE = func(c *cobra.Command, _ []string) error {
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		if to == "" && len(loaded.Kafka.Inputs) == 1 {
			to = inputs(loaded)[0]
		}
		if err := checkRepartition(loaded, from, to); err != nil {
			return err
		}
		log := workerLog(loaded.Log, c.ErrOrStderr())
		defer func() { _ = log.Sync() }() // stderr cannot always be synced
		return runRepartition(c.Context(), loaded, from, to, toEnd, c.OutOrStdout(), log)
	}
	return c
}

// checkRepartition finds what would make no sense, or go round in a circle.
func checkRepartition(c *config.Config, from []string, to string) error {
	all := inputs(c)
	switch {
	case len(from) == 0:
		return misusef("no topics: name those to forward with --from")
	case to == "":
		return misusef("say with --to which of the inputs to forward to: %s", strings.Join(all, ", "))
	case !slices.Contains(all, to):
		return misusef("--to %s is no input of the configuration, which has %s", to, strings.Join(all, ", "))
	}
	for i, topic := range from {
		switch {
		case topic == "" || slices.Contains(from[:i], topic):
			return misusef("--from %q: name each topic once", topic)
		case slices.Contains(all, topic):
			return misusef("--from %s is an input already: what is forwarded would come back", topic)
		case topic == c.Kafka.Topics.Changes:
			return misusef("--from %s holds the changes, not events", topic)
		case topic == c.Kafka.Topics.DeadLetters:
			return misusef("--from %s holds the dead letters: tidemark dead-letters retry sends them back", topic)
		}
	}
	return nil
}

func runRepartition(ctx context.Context, c *config.Config, from []string, to string, toEnd bool, stdout io.Writer, log *zap.Logger) (err error) {
	where, err := servers(c)
	if err != nil {
		return err
	}
	where.Others = from
	connection, err := pipeline.Connect(where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	summary, err := repartition.Run(ctx, repartition.Options{
		Client:  connection.Client,
		Sink:    connection.Large,
		Letters: connection.Ports().Letters,
		Group:   c.Group() + "-repartition-" + to, // inputs are fed apart from each other
		From:    from,
		To:      to,
		ToEnd:   toEnd,
		Policy:  c.Policy,
		Log:     log,
	})
	fmt.Fprintf(stdout, "forwarded %s, %s to the dead letters\n", counted(int(summary.Forwarded), "record"), counted(int(summary.Rejected), "record"))
	return err
}
