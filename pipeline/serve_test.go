package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/metrics"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/segment"
)

func liveConfig() pipeline.Config {
	config := replayConfig()
	config.WallClock, config.TimerGrace = true, 2*time.Second
	return config
}

// watched is a configuration whose worker's log is read: how often it has warned.
func watched(config pipeline.Config) (_ pipeline.Config, warned func() int) {
	core, logs := observer.New(zap.WarnLevel)
	config.Log = zap.New(core)
	return config, func() int {
		return logs.FilterMessage("shards were not at rest in time: what they had in hand is read again").Len()
	}
}

// tell gives a signal, once for all that nobody has heard of yet.
func tell(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// worker is a pipeline that serves in the background.
type worker struct {
	*pipeline.Pipeline
	ended chan error
}

func (w *world) join(ctx context.Context) *worker {
	group := pipeline.GroupConfig{ID: "tidemark-test", Inputs: []string{"purchases", "clicks"}, Partitions: partitions,
		SessionTimeout: 6 * time.Second, Log: zap.NewNop()}
	members, err := pipeline.JoinGroup(group, w.Client)
	require.NoError(w.t, err)
	return w.serve(ctx, liveConfig(), w.Ports(), members)
}

func (w *world) serve(ctx context.Context, config pipeline.Config, ports pipeline.Ports, members pipeline.Members) *worker {
	p, err := pipeline.New(config, ports)
	require.NoError(w.t, err)
	worker := &worker{p, make(chan error, 1)}
	go func() { worker.ended <- p.Serve(ctx, members) }()
	return worker
}

// live returns the shards that are live.
func (w *worker) live() (shards []int32) {
	for _, s := range w.Status() {
		if s.Phase == pipeline.Live {
			shards = append(shards, s.Shard)
		}
	}
	return shards
}

func (w *world) until(what string, ready func() bool) {
	w.t.Helper()
	require.NoError(w.t, real.Await(w.t.Context(), 30*time.Second, func(context.Context) error {
		if ready() {
			return nil
		}
		return errors.New(what)
	}))
}

// customers is how many have a segment, over all shards.
func (w *world) customers() (n int64) {
	for shard := range int32(partitions) {
		session, err := w.Redis.Session(w.t.Context(), shard)
		require.NoError(w.t, err)
		state, err := session.Head(w.t.Context())
		require.NoError(w.t, errors.Join(err, session.Close()))
		for _, size := range state.Sizes[segment.None+1:] {
			n += size
		}
	}
	return n
}

func (w *world) visitors(from, to int) {
	for i := from; i < to; i++ {
		w.produce("clicks", event(fmt.Sprintf("c-%d", i), time.Now().UTC().Format(time.RFC3339), fmt.Sprintf(`"id":"e%d","type":"click"`, i)))
	}
}

func TestWorkersShareTheShards(t *testing.T) {
	w := newWorld(t)
	first := w.join(t.Context())
	w.visitors(0, 20)
	w.until("the first worker owns everything", func() bool { return len(first.live()) == partitions && w.customers() == 20 })

	second := w.join(t.Context())
	w.until("each shard is live at one of both", func() bool {
		left, right := first.live(), second.live()
		return len(left) > 0 && len(right) > 0 && slices.Equal(slices.Sorted(slices.Values(append(left, right...))), []int32{0, 1, 2})
	})
	w.visitors(20, 40)
	w.until("both work", func() bool { return w.customers() == 40 })

	first.Drain()
	require.NoError(t, <-first.ended)
	require.Empty(t, first.Status())
	w.visitors(40, 60)
	w.until("the second worker has everything", func() bool { return len(second.live()) == partitions && w.customers() == 60 })
	second.Drain()
	require.NoError(t, <-second.ended)

	_, records := w.read("changes")
	require.Len(t, records, 60, "each customer was told of once")
}

func TestAShardThatStopsLeavesTheOthersWorking(t *testing.T) {
	w := newWorld(t)
	client := redis.NewClient(&redis.Options{Addr: w.servers.RedisAddr(), DisableIdentity: true})
	defer func() { require.NoError(t, client.Close()) }()
	require.NoError(t, client.HSet(t.Context(), keys.Of("test", 1).Shard(), "policy", "another", "partitions", partitions).Err())

	worker := w.join(t.Context())
	w.until("all but one are live", func() bool { return len(worker.live()) == partitions-1 })
	var stop *pipeline.Stop
	w.until("that one has stopped", func() bool {
		for _, s := range worker.Status() {
			if s.Shard == 1 && s.Phase == pipeline.Stopped {
				stop = s.Stop
			}
		}
		return stop != nil
	})
	require.Equal(t, "policy-differs", stop.Code)
	worker.Drain()
	require.NoError(t, <-worker.ended)
}

// given is a group that gives one share and takes it back when it is told to.
type given struct {
	shares chan *pipeline.Share
	left   chan struct{}
}

func (g *given) Next(ctx context.Context) (*pipeline.Share, error) {
	select {
	case s := <-g.shares:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (g *given) Leave() { close(g.left) }

type noGroup struct{}

func (noGroup) Commit(context.Context, int32, map[string]int64) error { return nil }

func (noGroup) Holds() bool { return true }

func give(shards ...int32) (members *given, released chan struct{}) {
	released = make(chan struct{})
	members = &given{shares: make(chan *pipeline.Share, 1), left: make(chan struct{})}
	members.shares <- &pipeline.Share{Shards: shards, Group: noGroup{}, Over: make(chan struct{}), Release: func() { close(released) }}
	return members, released
}

// deaf is a Kafka that takes changes and never answers.
type deaf struct{ asked chan struct{} }

func (d deaf) ProduceIf(ctx context.Context, _ string, _ int32, _ []sink.Record, _ func() bool) (int64, error) {
	tell(d.asked)
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestADrainThatCannotEndIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.produce("clicks", event("c-1", time.Now().UTC().Format(time.RFC3339), `"id":"e1","type":"click"`))
	ports, mute := w.Ports(), deaf{make(chan struct{}, 1)}
	ports.Sink = mute
	config, warned := watched(liveConfig())
	members, released := give(0, 1, 2)
	worker := w.serve(t.Context(), config, ports, members)
	<-mute.asked
	worker.Drain()
	require.NoError(t, <-worker.ended)
	require.Equal(t, 1, warned(), "it was given up")
	<-released
	<-members.left
}

func TestAReplaySharedByAGroupEnds(t *testing.T) {
	w := newWorld(t)
	w.visitors(0, 10)
	members, released := give(0, 1, 2)
	worker := w.serve(t.Context(), replayConfig(), w.Ports(), members)
	require.NoError(t, <-worker.ended)
	<-released
	<-members.left
	require.EqualValues(t, 10, w.customers())
}

func TestServeEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	members, released := give(0)
	worker := w.serve(ctx, liveConfig(), w.Ports(), members)
	w.until("it is live", func() bool { return len(worker.live()) == 1 })
	cancel()
	require.ErrorIs(t, <-worker.ended, context.Canceled)
	<-released
	<-members.left
}

func TestAReplayWithAShardThatStoppedFails(t *testing.T) {
	w := newWorld(t)
	w.visitors(0, 10)
	client := redis.NewClient(&redis.Options{Addr: w.servers.RedisAddr(), DisableIdentity: true})
	defer func() { require.NoError(t, client.Close()) }()
	require.NoError(t, client.HSet(t.Context(), keys.Of("test", 1).Shard(), "policy", "another", "partitions", partitions).Err())
	members, released := give(0, 1, 2)
	worker := w.serve(t.Context(), replayConfig(), w.Ports(), members)
	var stop *pipeline.Stop
	require.ErrorAs(t, <-worker.ended, &stop)
	require.Equal(t, "policy-differs", stop.Code)
	<-released
}

// A worker that cannot read is not ready, says so, and counts it.
func TestInputsThatCannotBeReadShow(t *testing.T) {
	w := newWorld(t)
	config, registry := liveConfig(), prometheus.NewRegistry()
	config.Metrics = metrics.New(registry, "test", func() metrics.Standing { return metrics.Standing{} })
	members, _ := give(0, 1, 2)
	ports := w.Ports()
	ports.Log = unread{ports.Log}
	worker := w.serve(t.Context(), config, ports, members)
	w.until("errors are counted", func() bool {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "tidemark_errors_total" && m.GetLabel()[0].GetValue() == "fetch" && m.GetCounter().GetValue() > 3 {
					return true
				}
			}
		}
		return false
	})
	worker.Drain()
	require.NoError(t, <-worker.ended)
}

// unread is a Kafka of which nothing can be read.
type unread struct{ pipeline.Log }

func (unread) Fetch(_ context.Context, at []source.Position, _ time.Duration, _ int) ([]source.Fetched, error) {
	var all []source.Fetched
	for _, p := range at {
		all = append(all, source.Fetched{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Err: errors.New("corrupt")})
	}
	return all, nil
}
