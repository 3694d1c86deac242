// Command simulate runs the simulator by hand: many seeds, one, or all night
// long; and finds what is essential of a run that fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tidemark/tidemark/pipeline/sim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	good    = 0
	failed  = 1
	misused = 2
)

const help = `Usage: go run ./pipeline/sim/simulate [flags] [case]

Without a case it runs seeds, on all cores, and says what they went through.
A case is a seed, or what -shrink prints: '42 salt=3 without=crashes,cuts events=0-3,9'.

`

// settings are the flags.
type settings struct {
	seeds, first           uint64
	forever, shrink, trace bool
	patience               time.Duration
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var s settings
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Uint64Var(&s.seeds, "seeds", 1000, "how many to run")
	flags.Uint64Var(&s.first, "first", 1, "the first of them")
	flags.BoolVar(&s.forever, "forever", false, "run seeds until one fails or it is interrupted, and say every minute how far it is")
	flags.BoolVar(&s.shrink, "shrink", false, "look for a smaller case that fails like the one given")
	flags.DurationVar(&s.patience, "patience", 2*time.Minute, "how long to look for it")
	flags.BoolVar(&s.trace, "trace", false, "print what happens in the case")
	flags.Usage = func() {
		_, _ = fmt.Fprint(stderr, help)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return good
	} else if err != nil {
		return misused
	}
	if flags.NArg() == 0 {
		if s.shrink || s.trace {
			_, _ = fmt.Fprintln(stderr, "simulate: name a case: its seed, or what -shrink printed")
			return misused
		}
		return s.sweep(ctx, stdout)
	}
	c, err := sim.ParseCase(strings.Join(flags.Args(), " "))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "simulate:", err)
		return misused
	}
	if s.shrink {
		return s.smaller(ctx, c, stdout)
	}
	return s.one(c, stdout)
}

// sweep runs many seeds.
func (s *settings) sweep(ctx context.Context, out io.Writer) int {
	n, failures := s.seeds, 0
	if s.forever {
		n = 0
	}
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	var totals sim.Totals
	sim.Sweep(ctx, sim.Seeds(s.first, n), func(c sim.Case, o sim.Outcome) bool {
		totals.Add(o.Totals)
		if o.Err != nil {
			failures++
			_, _ = fmt.Fprintln(out, c.Report(o.Err))
		}
		select {
		case at := <-minute.C:
			_, _ = fmt.Fprintf(out, "%s\n%s\n\n", at.Format(time.TimeOnly), totals)
		default:
		}
		return !s.forever || failures == 0
	})
	_, _ = fmt.Fprintln(out, totals)
	if failures > 0 {
		_, _ = fmt.Fprintf(out, "%d failed\n", failures)
		return failed
	}
	return good
}

// one runs a case.
func (s *settings) one(c sim.Case, out io.Writer) int {
	o := c.Run(s.trace)
	_, _ = fmt.Fprint(out, o.Trace)
	if o.Err != nil {
		_, _ = fmt.Fprintln(out, c.Report(o.Err))
		return failed
	}
	_, _ = fmt.Fprintf(out, "seed %s: all is well\n%s\n", c, o.Totals)
	return good
}

// ending is how many lines of a trace tell what went wrong, as a rule.
const ending = 40

// smaller shrinks a case.
func (s *settings) smaller(ctx context.Context, c sim.Case, out io.Writer) int {
	if o := c.Run(false); o.Err == nil {
		_, _ = fmt.Fprintf(out, "seed %s does not fail: there is nothing to shrink\n", c)
		return misused
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	c = sim.Shrink(ctx, c, func(c sim.Case, _ error) { _, _ = fmt.Fprintf(out, "smaller: %s\n", c) })
	o := c.Run(true)
	lines := strings.Split(strings.TrimSpace(o.Trace), "\n")
	_, _ = fmt.Fprintf(out, "\nthe end of its trace:\n%s\n\n%s\n", strings.Join(lines[max(0, len(lines)-ending):], "\n"), c.Report(o.Err))
	return failed
}
