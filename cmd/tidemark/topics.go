package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/topics"
)

// firstPartitions is how many a new namespace's inputs get where nobody says.
const firstPartitions = 12

// topicsOptions are the flags of the command topics.
type topicsOptions struct {
	create     bool
	partitions int32
	replicas   int16
}

func topicsCommand() *cobra.Command {
	var o topicsOptions
	c := &cobra.Command{
		Use:   "topics -c FILE",
		Short: "Check the topics of a namespace, or create them",
		Long: `Show every topic of a configuration as it is and as it should be: partitions,
timestamps, clean-up, retention, record size. What a worker would refuse is marked
with !, what could be better with ~, what the cluster does not tell with ?.

With --create, missing topics are created first: inputs dated by the broker
(LogAppendTime) and kept for ever, the changes kept for ever, dead letters that may
be larger than the inputs. Topics that exist are never altered; if one of the inputs
or the changes has another number of partitions than the new ones would get, nothing
is created.

Inputs are best kept for ever: replay, verify and a rebuild after the loss of Redis
read them from the beginning. They must be kept for the policy's horizon and a week.
The changes must be kept for ever.`,
		Example: `  tidemark topics -c tidemark.yaml
  tidemark topics -c tidemark.yaml --create
  tidemark topics -c tidemark.yaml --create --partitions 24 --replication-factor 3`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	file := configFlag(c, "the configuration of the namespace")
	flags.BoolVar(&o.create, "create", false, "create what is missing")
	flags.Int32Var(&o.partitions, "partitions", 0, "of inputs and changes (default: as those that exist have; 12 for new ones)")
	flags.Int16Var(&o.replicas, "replication-factor", -1, "of the topics created; -1: the brokers' default")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case o.partitions < 0 || c.Flags().Changed("partitions") && o.partitions == 0:
			return misusef("--partitions %d: give at least 1", o.partitions)
		case o.partitions > math.MaxInt16:
			return misusef("--partitions %d: each is a shard, so give fewer", o.partitions)
		case o.replicas == 0 || o.replicas < -1:
			return misusef("--replication-factor %d: give at least 1, or -1 for the brokers' default", o.replicas)
		}
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		return checkTopics(c.Context(), o, loaded, c.OutOrStdout())
	}
	return c
}

func checkTopics(ctx context.Context, o topicsOptions, c *config.Config, stdout io.Writer) (err error) {
	connection, err := connect(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	use := topics.Use{Inputs: store.SortTopics(inputs(c)), Changes: c.Kafka.Topics.Changes, DeadLetters: c.Kafka.Topics.DeadLetters, Policy: c.Policy}
	found, err := topics.Describe(ctx, connection.Client, use.Names())
	if err != nil {
		return err
	}
	if o.create {
		if o.partitions == 0 {
			o.partitions = topics.Partitions(found[:len(use.Inputs)+1]) // the changes among them: they need as many
		}
		if o.partitions == 0 {
			o.partitions = firstPartitions
		}
		created, err := use.Create(ctx, connection.Client, o.partitions, o.replicas)
		if len(created) > 0 {
			fmt.Fprintf(stdout, "created %s\n\n", strings.Join(created, ", "))
		}
		if err != nil {
			return err
		}
		if found, err = topics.Describe(ctx, connection.Client, use.Names()); err != nil {
			return err
		}
	}
	findings := use.Judge(found, o.partitions)
	if err := topics.Print(stdout, findings); err != nil {
		return err
	}
	if n := topics.Refused(findings); n > 0 {
		return fmt.Errorf("a worker would refuse to start: see what is marked with ! (%d)", n)
	}
	return nil
}
