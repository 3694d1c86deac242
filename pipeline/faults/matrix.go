package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

// row is one fault.
type row struct {
	name      string
	fault     string // as the table tells it
	full      int    // how often it is applied
	reduced   int
	byHand    bool          // only run where it is asked for by name
	brokers   int           // that it needs; 0: one
	bound     time.Duration // of recovery, ten times that in a reduced dose; 0: none
	policy    string        // section of the configuration; empty: brisk
	span      time.Duration // over which the backlog is dated; 0: as backlog says
	once      bool          // no change may be published twice, not even byte by byte
	mix       func(*service.Mix)
	configure func(*service.Options)

	before  func(context.Context, *field) error // the namespace's topics are made: those that are not as usual
	servers func(context.Context, *field) error // in place of a Redis of its own with an append-only file
	apply   func(context.Context, *field) error // while the shop trades
	whole   func(context.Context, *field) error // in place of all that
}

// matrix is every row, in the order in which they are run. Files add theirs.
var matrix []row

// A row that lasts longer hangs.
const reducedLimit, fullLimit, byHandLimit = 10 * time.Minute, 2 * time.Hour, 12 * time.Hour

func names() []string {
	var all []string
	for _, r := range matrix {
		all = append(all, r.name)
	}
	return all
}

// choose returns the rows of those names, or all that are not run by hand. Rows that need the same brokers follow each other.
func choose(only string) (rows []row, err error) {
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if only != "" && !slices.Contains(names(), name) {
			return nil, fmt.Errorf("-fault %s: there is no such row: choose of %s", name, strings.Join(names(), ", "))
		}
	}
	for _, r := range matrix {
		if only == "" && !r.byHand || slices.Contains(wanted, r.name) {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.brokers - b.brokers })
	return rows, nil
}

// run is what the rows share.
type runner struct {
	options
	dir    string
	binary string
	kafka  *real.Kafka // the last one that was needed
	size   int         // its brokers
	report report
}

// start builds the program.
func start(ctx context.Context, o options) (*runner, error) {
	dir, err := os.MkdirTemp("", "tidemark-faults-")
	if err != nil {
		return nil, err
	}
	m := &runner{options: o, dir: dir, binary: filepath.Join(dir, "tidemark")}
	err = service.Build(ctx, m.binary, "-tags", "failpoints")
	if err == nil {
		m.report.Machine, err = real.ThisMachine(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	m.report.begin(o)
	return m, nil
}

func (m *runner) close() {
	if m.kafka != nil {
		_ = m.kafka.Close()
	}
	_ = os.RemoveAll(m.dir) // what is in it is of no use any more
}

// brokers is a Kafka of so many brokers.
func (m *runner) brokers(n int) (*real.Kafka, error) {
	if m.kafka != nil && m.size == n {
		return m.kafka, nil
	}
	if m.kafka != nil {
		if err := m.kafka.Close(); err != nil {
			return nil, err
		}
		m.kafka = nil
	}
	var err error
	m.kafka, err = real.StartRoutedKafka(n, fleet, "-Xms256m", "-Xmx768m")
	m.size = n
	return m.kafka, err
}

// run runs one row. What it comes to is in the report.
func (m *runner) run(ctx context.Context, r row) {
	began := time.Now()
	f := &field{runner: m, row: r, dir: filepath.Join(m.dir, r.name)}
	var limit time.Duration
	switch {
	case r.byHand:
		limit = byHandLimit
	case m.fullDose:
		f.dose, limit = r.full, fullLimit
	default:
		f.dose, limit = r.reduced, reducedLimit
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the row was not over after %v", limit))
	defer cancel()
	err := f.run(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = errors.Join(cause, err)
	}
	err = errors.Join(err, f.close())
	if err != nil {
		err = errors.Join(err, os.CopyFS(filepath.Join(m.out, r.name+time.Now().Format("-150405")), os.DirFS(f.dir)))
	}
	_ = os.RemoveAll(f.dir)
	m.report.add(f, time.Since(began), err)
}
