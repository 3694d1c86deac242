package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Options say what is replayed, and where the results go.
type Options struct {
	Inputs []string // files of events; - is Stdin
	Policy *policy.Policy
	Until  int64 // every shard goes on to here at the end, unix ms; instant.None: each ends with its last event

	// Files of results; - is Stdout, empty: not wanted.
	Changes, Profiles, DeadLetters string

	Stdin  io.Reader
	Stdout io.Writer

	Progress func(Progress) // called a few times a second, nil: not wanted
	Log      *zap.Logger
}

// namespace is that of a replay's Redis, which nobody else sees.
const namespace = "replay"

// run is one replay under way.
type run struct {
	Options
	world    *local.World
	progress *reporter
	summary  Summary

	changes, profiles, letters *Output // nil where they are not wanted
}

// Run replays. It returns when the results are written, or with the reason why
// there are none.
func Run(ctx context.Context, o Options) (summary *Summary, err error) {
	begin := time.Now()
	r := &run{Options: o, progress: newReporter(o.Progress), summary: Summary{StreamTime: instant.None}}
	// First what may be wrong with the paths: not after an hour's work.
	if err := r.create(); err != nil {
		return nil, err
	}
	defer r.discard()
	r.world, err = local.Start(local.Options{Namespace: namespace, Policy: o.Policy, Log: o.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.world.Close()) }()

	for _, step := range []func(context.Context) error{r.load, r.replay, r.results} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	r.summary.Elapsed = time.Since(begin)
	return &r.summary, nil
}

// load writes the lines of the files to the log.
func (r *run) load(ctx context.Context) error {
	lines := Open(r.Inputs, r.Stdin)
	defer lines.Close()
	feed, err := r.world.Feed(r.Policy)
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

// replay runs the pipeline to the end of the log.
func (r *run) replay(ctx context.Context) error {
	config := r.world.Replay()
	config.Until = r.Until
	p, err := r.world.Pipeline(config)
	if err != nil {
		return err
	}
	stop := r.progress.watch(p)
	defer stop()
	if err := p.Run(ctx); err != nil {
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
