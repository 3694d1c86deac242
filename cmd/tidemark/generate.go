package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/feed"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/shop"
)

func generateCommand() *cobra.Command {
	o := shop.Default()
	from, to := instantValue{o.From}, instantValue{o.To}
	var k intoKafka
	c := &cobra.Command{
		Use:   "generate",
		Short: "Write the events of a simulated shop",
		Long: `Write the events of a simulated shop as lines of JSON to the standard output, or
with --to-kafka to the inputs of a configuration: purchases by the BG/NBD model with Gamma and Beta distributed customers, visits
before them and without, refunds, corrections, a few erasures. The same options
give the same bytes on every machine; --seed 0 chooses a seed, and tells it.

Lines come in order of time, but for what --disorder and --duplicates do to them.
With --events, exactly so many lines are written; a shop that would make fewer
between --from and --to lives faster.

In Kafka, clicks go to the last of kafka.inputs, everything else to the first, each
to the partition of its customer. Events happen when the shop simulates them, or
with --live now; ids then hold the seed, because events of the same ids count once.
Without --live a running worker takes old events for late ones: what it publishes
is dated now, and events older than the horizon and 7 days have no effect.
With --rate, the n-th line is written n/rate seconds after the first; an interrupt ends it with the count of what is acknowledged.`,
		Example: `  tidemark generate > events.jsonl
  tidemark generate --customers 100000 --events 1000000 --zipf 1.1 --seed 7 | gzip > events.jsonl.gz
  tidemark generate --duplicates 0.2 --disorder 0.1 --malformed 0.01 | tidemark replay --embedded --input -
  tidemark generate --to-kafka -c tidemark.yaml --rate 500 --live --customers 20000 --events 5000000 --seed 0`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.From, o.To = from.ms, to.ms
			if err := k.check(c); err != nil {
				return err
			}
			if o.Seed == 0 {
				o.Seed = 1 + uint64(rand.Uint32())
				fmt.Fprintf(c.ErrOrStderr(), "the shop of --seed %d\n", o.Seed)
			}
			if k.to {
				o.Signed = k.live
				return k.generate(c.Context(), o, c.OutOrStdout())
			}
			return generate(c.Context(), o, c.OutOrStdout())
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.IntVar(&o.Customers, "customers", o.Customers, "how many customers there are")
	flags.Int64Var(&o.Events, "events", o.Events, "how many lines to write; 0: all until --to")
	flags.Var(&from, "from", "when the shop opens")
	flags.Var(&to, "to", "when it closes")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "another seed, another shop; 0: another one each time")
	flags.Float64Var(&o.Zipf, "zipf", o.Zipf, "skew of activity over customers, such as 1.1; 0: as the model has it")
	flags.Float64Var(&o.Duplicates, "duplicates", o.Duplicates, "share of events that are delivered again, up to a week later")
	flags.Float64Var(&o.Disorder, "disorder", o.Disorder, "share of events that arrive late, by seconds to days")
	flags.Float64Var(&o.Malformed, "malformed", o.Malformed, "share of lines that cannot be decoded")
	flags.BoolVar(&k.to, "to-kafka", false, "write to the inputs of the configuration of -c")
	k.file = configFlag(c, "the configuration, for --to-kafka")
	flags.Float64Var(&k.rate, "rate", 0, "lines per second, for --to-kafka; 0: as fast as possible")
	flags.BoolVar(&k.live, "live", false, "events happen now, for --to-kafka")
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

// intoKafka are the flags of generate that are for Kafka.
type intoKafka struct {
	to   bool
	file *string
	rate float64
	live bool
}

func (k *intoKafka) check(c *cobra.Command) error {
	if !k.to {
		for _, flag := range []string{"config", "rate", "live"} {
			if c.Flags().Changed(flag) {
				return misusef("--%s is for Kafka: add --to-kafka", flag)
			}
		}
	}
	if !(k.rate >= 0 && k.rate <= 1e9) { // NaN neither
		return misusef("--rate %v: give lines per second, or 0 for as fast as possible", k.rate)
	}
	return nil
}

// generate writes a shop's lines to the inputs of a configuration.
func (k *intoKafka) generate(ctx context.Context, o shop.Options, stdout io.Writer) error {
	loaded, err := loadConfig(*k.file)
	if err != nil {
		return err
	}
	simulated, err := shop.New(o)
	if err != nil {
		return misusef("%v", err)
	}
	return withConnection(loaded, func(connection *pipeline.Connection) error {
		topics, err := inputsOfShop(ctx, connection, inputs(loaded))
		if err != nil {
			return err
		}
		router, err := feed.NewRouter(loaded.Policy, topics)
		if err != nil {
			return err
		}
		play := feed.Play{Shop: simulated, Rate: k.rate, Live: k.live,
			Feed: feed.New(sink.Patient(connection.Producer), router, feed.Latest(func() int64 { return time.Now().UnixMilli() }))}
		began := time.Now()
		n, err := play.Run(ctx)
		seconds := max(time.Since(began).Seconds(), 1e-3)
		fmt.Fprintf(stdout, "wrote %s lines in %.1f s (%s/s)\n", replay.Thousands(n), seconds, replay.Thousands(int64(float64(n)/seconds)))
		return err
	})
}

// inputsOfShop finds the topics, which must agree in their partitions: a shop's
// customer has all events in one.
func inputsOfShop(ctx context.Context, connection *pipeline.Connection, inputs []string) (feed.Topics, error) {
	partitions, err := connection.Client.Partitions(ctx, inputs[0])
	if err != nil {
		return feed.Topics{}, err
	}
	topics := feed.TopicsOf(inputs, partitions)
	clicks, err := connection.Client.Partitions(ctx, topics.Clicks)
	if err == nil && clicks != partitions {
		err = fmt.Errorf("%s has %d partitions and %s %d: `tidemark topics` says what to do", topics.Orders, partitions, topics.Clicks, clicks)
	}
	return topics, err
}
