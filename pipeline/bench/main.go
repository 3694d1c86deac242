package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// options are what a run measures, and how long.
type options struct {
	events    int           // of each preloaded log
	customers int           // whose timers are due at once, whose bytes are counted, who are read
	rounds    int           // of throughput
	seconds   time.Duration // of each steady load
	warmUp    time.Duration // before it
	only      string
	logs      string
	out       string
	peers     string
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.events, "events", 1_000_000, "events of each preloaded log")
	flags.IntVar(&o.customers, "customers", 100_000, "customers whose timers are due at once, whose bytes are counted, who are read")
	flags.IntVar(&o.rounds, "rounds", 3, "how often throughput is measured; the median is told")
	flags.DurationVar(&o.seconds, "for", 20*time.Second, "how long each steady load is measured")
	flags.DurationVar(&o.warmUp, "warm-up", 5*time.Second, "how long it lasts before")
	flags.StringVar(&o.only, "only", "", "some measurements: "+strings.Join(names(), ","))
	flags.StringVar(&o.logs, "logs", "", "some logs of throughput, as zipf,10k; empty: all")
	flags.StringVar(&o.out, "out", "bench", "folder for bench.md and bench.json")
	flags.StringVar(&o.peers, "peers", "", "folder of the other engine's programs: compare with them instead")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	if o.peers != "" {
		err = b.comparePeers(ctx)
	} else {
		err = b.measure(ctx)
	}
	if err != nil {
		return err
	}
	return b.report.write(o.out)
}
