package pipeline

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tidemark/tidemark/pipeline/source"
)

// answering is a Log that is a function.
type answering func(at []source.Position) ([]source.Fetched, error)

func (a answering) Fetch(_ context.Context, at []source.Position, _ time.Duration, _ int) ([]source.Fetched, error) {
	return a(at)
}

func (answering) Bounds(context.Context, string, int32) (int64, int64, error) { return 0, 0, nil }

func (answering) Leaders(_ context.Context, at []source.Position) ([]int32, error) {
	return make([]int32, len(at)), nil
}

// reading runs a fetcher for one shard, in a bubble where time goes by only when
// all wait. It ends with the test.
func reading(t *testing.T, logger *zap.Logger, log answering, tick func() int64) *driver {
	f := newFetcher(log, logger, nil, longPoll, tick)
	d := &driver{tail: f, fetched: make(chan delivery), gone: make(chan struct{})}
	f.want(d, []source.Position{{Topic: "purchases", MaxBytes: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	return d
}

func TestADeliveryTellsWhenItsQuestionWentOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := int64(100)
		d := reading(t, zap.NewNop(), func(at []source.Position) ([]source.Fetched, error) {
			now += 5000 // a slow broker, or a process that was stopped
			return []source.Fetched{{Topic: at[0].Topic, Partition: at[0].Partition}}, nil
		}, func() int64 { return now })
		for asked := int64(100); asked < 30_000; asked += 5000 {
			f := <-d.fetched
			require.Equal(t, asked, f.asked)
			f.read()
		}
	})
}

// A request that fails as a whole is an answer to every shard that asked: none of
// them has seen its log.
func TestARequestThatFailsIsToldToItsShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("no broker is there")
		d := reading(t, zap.NewNop(), func([]source.Position) ([]source.Fetched, error) { return nil, away }, func() int64 { return 1 })
		began := time.Now()
		for range 3 {
			select {
			case f := <-d.fetched:
				require.Equal(t, "purchases", f.fetched.Topic)
				require.ErrorIs(t, f.fetched.Err, away)
				f.read()
			case <-time.After(time.Minute):
				require.Fail(t, "nobody is told")
			}
		}
		require.Equal(t, fetchPause+2*fetchPause, time.Since(began), "with a pause that doubles")
	})
}

// twoBrokers is a Log of which partition 1 is led by a broker that says nothing.
type twoBrokers struct{ answering }

func (l twoBrokers) Fetch(ctx context.Context, at []source.Position, _ time.Duration, _ int) ([]source.Fetched, error) {
	if at[0].Partition == 1 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	time.Sleep(longPoll)
	return []source.Fetched{{Topic: at[0].Topic, Partition: at[0].Partition}}, nil
}

func (twoBrokers) Leaders(_ context.Context, at []source.Position) ([]int32, error) {
	leaders := make([]int32, len(at))
	for i := range at {
		leaders[i] = at[i].Partition
	}
	return leaders, nil
}

// sick is a Log of which partition 1 cannot be read. Its answers, like those above,
// take time by the clock of synctest, which waits for nothing.
type sick struct{ answering }

func (sick) Fetch(_ context.Context, at []source.Position, _ time.Duration, _ int) (all []source.Fetched, err error) {
	for _, p := range at {
		f := source.Fetched{Topic: p.Topic, Partition: p.Partition}
		if p.Partition == 1 {
			f.Err = errors.New("corrupt")
		}
		all = append(all, f)
	}
	time.Sleep(10 * time.Millisecond)
	return all, nil
}

func TestAnInputThatCannotBeReadHoldsNoOtherUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFetcher(sick{}, zap.NewNop(), nil, longPoll, func() int64 { return time.Now().UnixMilli() })
		d := &driver{tail: f, fetched: make(chan delivery), gone: make(chan struct{})}
		f.want(d, []source.Position{{Topic: "purchases", MaxBytes: 1}, {Topic: "purchases", Partition: 1, MaxBytes: 1}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.run(ctx) }()
		asked := map[int32]int{}
		for began := time.Now(); time.Since(began) < 10*time.Second; {
			answer := <-d.fetched
			asked[answer.fetched.Partition]++
			answer.read()
		}
		require.Greater(t, asked[0], 900)
		require.Less(t, asked[1], 20)
		require.Greater(t, asked[1], 4)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestAMuteBrokerHoldsNoOtherUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFetcher(twoBrokers{}, zap.NewNop(), nil, longPoll, func() int64 { return 0 })
		d := &driver{tail: f, fetched: make(chan delivery), gone: make(chan struct{})}
		f.want(d, []source.Position{{Topic: "purchases", MaxBytes: 1}, {Topic: "purchases", Partition: 1, MaxBytes: 1}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.run(ctx) }()
		began := time.Now()
		for range 10 {
			answer := <-d.fetched
			require.Zero(t, answer.fetched.Partition)
			answer.read()
		}
		require.Equal(t, 10*longPoll, time.Since(began))
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestAnInputThatCannotBeReadIsToldOnceInAWhile(t *testing.T) {
	away := errors.New("away")
	for name, answer := range map[string]answering{
		"one input": func(at []source.Position) ([]source.Fetched, error) {
			return []source.Fetched{{Topic: at[0].Topic, Partition: at[0].Partition, Err: away}}, nil
		},
		"all of Kafka": func([]source.Position) ([]source.Fetched, error) { return nil, away },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.DebugLevel)
				begin := time.Now()
				var tries atomic.Int64
				var back atomic.Bool
				d := reading(t, zap.New(core), func(at []source.Position) ([]source.Fetched, error) {
					if back.Load() {
						time.Sleep(longPoll)
						return []source.Fetched{{Topic: at[0].Topic, Partition: at[0].Partition}}, nil
					}
					tries.Add(1)
					return answer(at)
				}, func() int64 { return time.Since(begin).Milliseconds() })
				go func() {
					for {
						select {
						case f := <-d.fetched:
							f.read()
						case <-d.gone:
							return
						}
					}
				}()
				t.Cleanup(func() { close(d.gone) })
				time.Sleep(troubleInterval*time.Millisecond - 5*time.Second)
				require.Greater(t, tries.Load(), int64(10))
				told := logs.TakeAll()
				require.Len(t, told, 1)
				require.Equal(t, "away", told[0].ContextMap()["error"])
				time.Sleep(10 * time.Second)
				require.Len(t, lines(logs), 1)
				time.Sleep(troubleInterval*time.Millisecond - 10*time.Second)
				require.Empty(t, lines(logs))
				back.Store(true)
				time.Sleep(10 * time.Second)
				require.Len(t, lines(logs), 1, "it is over")
			})
		})
	}
}
