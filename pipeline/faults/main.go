package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// silence takes what go-redis would say of servers that are away: they are meant to be.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func main() {
	redis.SetLogger(silence{})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		stop()
		os.Exit(1)
	}
}

// options say which rows are run, and how much of them.
type options struct {
	only     string
	fullDose bool
	events   int
	rate     int
	seed     uint64
	out      string
	previous string
}

// What a dose is unless it is said otherwise.
const (
	fullEvents, fullRate       = 1_000_000, 2000
	reducedEvents, reducedRate = 10_000, 500
)

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.StringVar(&o.only, "fault", "", "some rows, as a,b; empty: all but those by hand. Rows: "+strings.Join(names(), ", "))
	dose := flags.String("dose", "full", "full or reduced")
	flags.IntVar(&o.events, "events", 0, "in the backlog of each row; 0: as the dose says")
	flags.IntVar(&o.rate, "rate", 0, "events a second while the fault is there; 0: as the dose says")
	flags.Uint64Var(&o.seed, "seed", 0, "of the events and of chance; 0: another one each time")
	flags.StringVar(&o.out, "out", "bin/faults", "folder for faults.md, faults.json, and what workers of rows that fail said")
	flags.StringVar(&o.previous, "previous", "HEAD~1", "commit of the other version in a rolling upgrade")
	flags.DurationVar(&soakFor, "soak", 0, "how long row soak lasts: it is run by hand, as -fault soak -soak 30m")
	flags.DurationVar(&overloadFor, "overload", 0, "how long row overload lasts: it is run by hand, as -fault overload -overload 5m")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch o.fullDose = *dose == "full"; {
	case !o.fullDose && *dose != "reduced":
		return fmt.Errorf("-dose %s: write full or reduced", *dose)
	case o.fullDose:
		o.events, o.rate = either(o.events, fullEvents), either(o.rate, fullRate)
	default:
		o.events, o.rate = either(o.events, reducedEvents), either(o.rate, reducedRate)
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	rows, err := choose(o.only)
	if err != nil {
		return err
	}
	m, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer m.close()
	for _, r := range rows {
		if ctx.Err() == nil {
			m.run(ctx, r)
		}
	}
	return errors.Join(m.report.write(o.out), m.report.verdict(), ctx.Err())
}

// either is the first that is not 0.
func either(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}
