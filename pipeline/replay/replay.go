package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Options say how a log is replayed, and where the results go.
type Options struct {
	Policy *policy.Policy
	Until  int64 // every shard goes on to here at the end, unix ms; instant.None: each ends with its last event

	// Files of results; - is Stdout, empty: not wanted.
	Changes, Profiles, DeadLetters string

	// Of a replay of files.
	Inputs []string // files of events; - is Stdin
	Stdin  io.Reader

	Stdout io.Writer

	Progress func(Progress) // called a few times a second, nil: not wanted
	Log      *zap.Logger
}

// embeddedNamespace is that of a Redis which nobody else sees.
const embeddedNamespace = "replay"

// world is where a replay leaves its results: servers inside this process, or
// those of a configuration. Its topics have the names that package local gives.
type world interface {
	Partitions() int32
	States(ctx context.Context) ([]store.State, error)
	Read(ctx context.Context, topic string, partition int32, visit func(recordbatch.Record) error) error
	Customers(ctx context.Context, visit func(shard int32, id string, value []byte) error) error
}

// run is one replay under way.
type run struct {
	Options
	world    world
	progress *reporter
	summary  Summary

	changes, profiles, letters *Output // nil where they are not wanted
}

func newRun(o Options) *run {
	return &run{Options: o, progress: newReporter(o.Progress), summary: Summary{StreamTime: instant.None}}
}

// Run replays files of events on servers inside this process. It returns when the
// results are written, or with the reason why there are none.
func Run(ctx context.Context, o Options) (summary *Summary, err error) {
	begin := time.Now()
	r := newRun(o)
	// First what may be wrong with the paths: not after an hour's work.
	if err := r.create(); err != nil {
		return nil, err
	}
	defer r.discard()
	servers, err := local.Start(local.Options{Namespace: embeddedNamespace, Policy: o.Policy, Log: o.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, servers.Close()) }()
	r.world = servers
	if err := r.load(ctx, servers); err != nil {
		return nil, err
	}
	config := servers.Replay()
	config.Until = o.Until
	p, err := servers.Pipeline(config)
	if err != nil {
		return nil, err
	}
	if err := r.work(p, func() error { return p.Run(ctx) }); err != nil {
		return nil, err
	}
	if err := r.results(ctx); err != nil {
		return nil, err
	}
	r.summary.Elapsed = time.Since(begin)
	return &r.summary, nil
}

// load writes the lines of the files to the log.
func (r *run) load(ctx context.Context, servers *local.World) error {
	lines := Open(r.Inputs, r.Stdin)
	defer lines.Close()
	feed, err := servers.Feed(r.Policy)
	if err != nil {
		return err
	}
	count, total := int64(0), sizes(r.Inputs)
	for line, ok := lines.Next(); ok; line, ok = lines.Next() {
		if err := feed.Add(ctx, line); err != nil {
			return fmt.Errorf("loading the events: %w", err)
		}
		if count++; count%1024 == 0 {
			r.progress.report(Progress{Step: Loading, Done: lines.Bytes(), Total: total})
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := feed.Flush(ctx); err != nil {
		return fmt.Errorf("loading the events: %w", err)
	}
	r.progress.events = count
	return nil
}

// work runs a pipeline to the end of the log.
func (r *run) work(p *pipeline.Pipeline, run func() error) error {
	stop := r.progress.watch(p)
	defer stop()
	if err := run(); err != nil {
		return fmt.Errorf("replaying: %w", err)
	}
	return nil
}

// results writes what the pipeline left in its topics and in Redis.
func (r *run) results(ctx context.Context) error {
	states, err := r.world.States(ctx)
	if err != nil {
		return err
	}
	for i := range states {
		r.summary.Add(&states[i])
	}
	if err := r.writeChanges(ctx); err != nil {
		return err
	}
	if err := r.writeLetters(ctx); err != nil {
		return err
	}
	if err := r.writeProfiles(ctx, states); err != nil {
		return err
	}
	return r.complete()
}

func (r *run) writeChanges(ctx context.Context) error {
	return changes(ctx, r.world, func(c *published) error {
		r.summary.Moved(c.head.From, c.head.To)
		r.progress.report(Progress{Step: Writing, Done: r.summary.Changes})
		return r.changes.Line(c.value)
	})
}

func (r *run) writeLetters(ctx context.Context) error {
	if r.letters == nil {
		return nil
	}
	var line []byte
	return letters(ctx, r.world, func(l *deadletter.Letter) error {
		line = AppendLetter(line[:0], l)
		return r.letters.Line(line)
	})
}

func (r *run) writeProfiles(ctx context.Context, states []store.State) error {
	if r.profiles == nil {
		return nil
	}
	writer := NewProfileWriter(r.Policy)
	p := profile.New()
	var line []byte
	return r.world.Customers(ctx, func(shard int32, id string, value []byte) error {
		if err := p.Decode(value); err != nil {
			return fmt.Errorf("reading customer %q: %w", id, err)
		}
		if p.Segment == segment.None {
			return nil
		}
		line = writer.Append(line[:0], id, &p, states[shard].Clock)
		return r.profiles.Line(line)
	})
}

// create opens the files of results that are wanted.
func (r *run) create() (err error) {
	for _, wanted := range []struct {
		path string
		into **Output
	}{{r.Changes, &r.changes}, {r.Profiles, &r.profiles}, {r.DeadLetters, &r.letters}} {
		if wanted.path == "" {
			continue
		}
		if *wanted.into, err = Create(wanted.path, r.Stdout); err != nil {
			r.discard()
			return err
		}
	}
	return nil
}

func (r *run) complete() error {
	return errors.Join(r.changes.Close(), r.profiles.Close(), r.letters.Close())
}

// discard leaves no draft behind.
func (r *run) discard() {
	r.changes.Discard()
	r.profiles.Discard()
	r.letters.Discard()
}
