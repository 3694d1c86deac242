package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/preflight"
	"github.com/tidemark/tidemark/pipeline/topics"
	"github.com/tidemark/tidemark/pipeline/worker"
	"github.com/tidemark/tidemark/pkg/instant"
)

func runCommand() *cobra.Command {
	var inProcess bool
	c := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Keep every customer's segment, live",
		Long: `Read the inputs, keep every customer in Redis, and publish each change of segment,
until it is interrupted. Any number of workers share the shards (the partitions of
the inputs) by a consumer group; any of them may be killed at any time.

Before it begins it compares the configuration with the servers, and refuses to
start where something could go wrong later; docs/runbook.md explains each reason.
An interrupt or SIGTERM brings the shards to rest, within 5 seconds.

server.listen serves /metrics for Prometheus, /readyz (why not, as JSON), /livez.
In a container, memory is bounded by the container's limit; elsewhere by GOMEMLIMIT.

With --embedded, Kafka and Redis run inside this process and keep nothing: a first
look, to which anyone can write events while it lasts.

With clock: event it reads to where the inputs ended when it was first started,
and exits.`,
		Example: `  tidemark run -c tidemark.yaml
  tidemark run --embedded
  GOMEMLIMIT=2GiB tidemark run -c /etc/tidemark/tidemark.yaml`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	file := configFlag(c, "the configuration")
	flags.BoolVar(&inProcess, "embedded", false, "run Kafka and Redis inside this process; they keep nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *file == "" && !inProcess {
			return misusef("say where Kafka and Redis are with -c FILE (tidemark config print > tidemark.yaml writes one), or add --embedded")
		}
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		log := workerLog(loaded.Log, c.ErrOrStderr())
		defer func() { _ = log.Sync() }() // stderr cannot always be synced
		if inProcess {
			return runEmbedded(c.Context(), loaded, c.OutOrStdout(), log)
		}
		return work(c.Context(), loaded, log)
	}
	return c
}

// embeddedPartitions is how many each topic of run --embedded has.
const embeddedPartitions = 12

// runEmbedded works over servers of its own.
func runEmbedded(ctx context.Context, c *config.Config, stdout io.Writer, log *zap.Logger) (err error) {
	servers, err := embedded.Start(embedded.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Close()) }()
	reached := config.Default() // not as the configuration's own servers are
	c.Kafka.Brokers, c.Kafka.TLS, c.Kafka.SASL = servers.Brokers(), reached.Kafka.TLS, reached.Kafka.SASL
	c.Redis = reached.Redis
	c.Redis.Addrs = []string{servers.RedisAddr()}
	if err := createTopics(ctx, c); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Kafka at %s, Redis at %s, inside this process: when it ends, everything in them is gone.\n"+
		"Write events to %s; read changes from %s, segments with: tidemark get c-1 --redis %s\n",
		strings.Join(servers.Brokers(), ","), servers.RedisAddr(), strings.Join(inputs(c), " and "), c.Kafka.Topics.Changes, servers.RedisAddr())
	if err != nil {
		return fmt.Errorf("writing where the servers are: %w", err)
	}
	return work(ctx, c, log)
}

// createTopics makes those of run --embedded as tidemark topics --create would.
func createTopics(ctx context.Context, c *config.Config) (err error) {
	connection, err := connect(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	use := topics.Use{Inputs: inputs(c), Changes: c.Kafka.Topics.Changes, DeadLetters: c.Kafka.Topics.DeadLetters, Policy: c.Policy}
	_, err = use.Create(ctx, connection.Client, embeddedPartitions, 1)
	return err
}

// work is one worker over the servers of a configuration.
func work(ctx context.Context, c *config.Config, log *zap.Logger) (err error) {
	where, err := servers(c)
	if err != nil {
		return err
	}
	connection, err := pipeline.Connect(where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	found, err := look(ctx, log, connection, preflight.Config{Servers: where, Policy: c.Policy,
		Durability: c.Redis.Durability, AcceptTruncated: c.Start.AcceptTruncated})
	if err != nil {
		return err
	}
	for _, note := range found.Notes {
		log.Warn(note)
	}
	info, _ := debug.ReadBuildInfo()
	return worker.Run(ctx, worker.Options{
		Pipeline: pipeline.Config{
			Namespace:       c.Namespace,
			Inputs:          inputs(c),
			Changes:         c.Kafka.Topics.Changes,
			Partitions:      found.Partitions,
			Policy:          c.Policy,
			WallClock:       c.Clock == "wall",
			TimerGrace:      time.Duration(c.TimerGrace) * time.Millisecond,
			Publish:         c.Start.Publish,
			AcceptTruncated: c.Start.AcceptTruncated,
			Durable:         where.Redis.Durability.Waits(),
			Until:           instant.None,
			Limits:          pipeline.DefaultLimits(),
			Log:             log,
		},
		Group: pipeline.GroupConfig{
			ID: c.Group(), Inputs: inputs(c), Partitions: found.Partitions,
			SessionTimeout: time.Duration(c.Kafka.SessionTimeout) * time.Millisecond, Log: log,
		},
		Connection: connection,
		Listen:     c.Server.Listen,
		Version:    describe(version, info),
		Log:        log,
	})
}

// How long a worker waits for servers that answer and are not ready.
const (
	lookPatience = 20 * time.Second
	lookPause    = 500 * time.Millisecond
)

// look looks at the servers before the work, again where they have just started:
// a partition has no leader yet, Redis reads its files.
func look(ctx context.Context, log *zap.Logger, connection *pipeline.Connection, c preflight.Config) (*preflight.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	for told := false; ; told = true {
		found, err := preflight.Check(ctx, connection, c)
		if err == nil || !starting(err) {
			return found, err
		}
		if !told {
			log.Warn("a server has just started; looking again", zap.Error(err))
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return found, err
		}
	}
}

// starting reports an error that a server gives while it starts.
func starting(err error) bool {
	return errors.Is(err, kafka.NotLeaderForPartition) || errors.Is(err, kafka.LeaderNotAvailable) || strings.Contains(err.Error(), "LOADING ")
}
