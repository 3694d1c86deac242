package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/namespace"
)

// KafkaOptions say which topics are replayed, and where.
type KafkaOptions struct {
	Options

	// Servers are those of the live namespace; Namespace is the replay's own there.
	Servers         pipeline.Servers
	Namespace       string
	AcceptTruncated bool // the inputs need not reach back to their beginning

	// ToTopic is where the changes are published, empty: nowhere. It must have as
	// many partitions as the inputs, and be empty.
	ToTopic string

	Keep bool // leave the namespace in Redis

	// Shared says that several processes replay into this namespace together: a
	// consumer group shares the shards out. None of them has all results, so it
	// goes with ToTopic and Keep, and without files.
	Shared bool
}

// FromKafka replays what the inputs hold now, from their beginning, by the clock
// of the events, into a namespace of its own. Nothing is written to Kafka but
// what ToTopic asks for, and the offsets of the group of a shared replay. It
// returns when the results are written, or with the reason why there are none.
func FromKafka(ctx context.Context, o KafkaOptions) (summary *Summary, err error) {
	begin := time.Now()
	r := newRun(o.Options)
	if err := r.create(); err != nil {
		return nil, err
	}
	defer r.discard()
	s, err := openServers(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	r.world = s
	if r.progress.events, err = s.events(ctx); err != nil {
		return nil, err
	}
	p, err := pipeline.New(s.config(), s.ports())
	if err != nil {
		return nil, fmt.Errorf("building the pipeline: %w", err)
	}
	drive := func() error { return p.Run(ctx) }
	if o.Shared {
		drive = func() error { return s.serve(ctx, p) }
	}
	if err := r.work(p, drive); err != nil {
		return nil, err
	}
	if o.Shared {
		err = r.standing(ctx)
	} else {
		err = r.results(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.summary.Elapsed = time.Since(begin)
	return &r.summary, nil
}

// standing sums up how the shards of all processes stand.
func (r *run) standing(ctx context.Context) error {
	states, err := r.world.States(ctx)
	for i := range states {
		r.summary.Add(&states[i])
		r.summary.Changes += states[i].Changes
	}
	return err
}

// memory is what all shards may hold together: as much as a dozen do by
// themselves.
const memory = 1536 << 20

// config is that of a pipeline that runs to where the inputs end now.
func (s *servers) config() pipeline.Config {
	return pipeline.Config{
		Namespace:       s.Namespace,
		Inputs:          s.inputs,
		Changes:         s.changes,
		Partitions:      s.partitions,
		Policy:          s.Policy,
		Publish:         pipeline.PublishAll,
		AcceptTruncated: s.AcceptTruncated,
		Until:           s.Until,
		Limits:          pipeline.DefaultLimits(),
		Memory:          memory,
		Log:             s.Log,
	}
}

// serve works on the shards that the group gives this process until they are
// done. An interrupt brings them to rest for others to go on.
func (s *servers) serve(ctx context.Context, p *pipeline.Pipeline) error {
	members, err := pipeline.JoinGroup(pipeline.GroupConfig{ID: "tidemark-replay-" + s.Namespace, Inputs: s.inputs,
		Partitions: s.partitions, Log: s.Log}, s.client)
	if err != nil {
		return err
	}
	working, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, p.Drain)
	defer stop()
	var stopped error
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if stopped = stopOf(working, p); stopped != nil {
			p.Drain()
		}
	}()
	err = p.Serve(working, members)
	end()
	<-watched
	return errors.Join(err, stopped, ctx.Err())
}

// stopEvery is how often it is looked whether a shard has stopped.
const stopEvery = time.Second

// stopOf waits for a shard that stops, which in a replay is the end of it. It
// returns why, or nothing when ctx ends.
func stopOf(ctx context.Context, p *pipeline.Pipeline) error {
	ticker := time.NewTicker(stopEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for _, status := range p.Status() {
			if status.Stop != nil {
				return fmt.Errorf("shard %d: %w", status.Shard, status.Stop)
			}
		}
	}
}

// removeTimeout bounds how long removing the namespace may take.
const removeTimeout = time.Minute

// close removes the namespace, unless it is to be kept, and ends the connections.
func (s *servers) close(ctx context.Context) error {
	var err error
	if s.claimed && !s.Keep {
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
		defer cancel()
		if _, err = namespace.Open(s.reader, s.Namespace).Delete(removing, func(int64) {}); err != nil {
			s.Log.Warn("the replay's namespace is left over", zap.String("namespace", s.Namespace))
		}
	}
	return errors.Join(err, s.disconnect())
}

// DeriveNamespace names the namespace of a replay after the live one.
func DeriveNamespace(live string, now time.Time) string {
	const longest = 100 // of a namespace
	suffix := "-replay-" + now.UTC().Format("20060102T150405.000")
	return live[:min(len(live), longest-len(suffix))] + suffix
}
