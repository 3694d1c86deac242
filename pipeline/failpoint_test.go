//go:build failpoints

package pipeline_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/store"
)

// durable answers waits at once: the embedded Redis keeps nothing anyway. And it
// stores nothing of a run that was cut, which may still take an answer.
type durable struct{ pipeline.Store }

func (d durable) Session(ctx context.Context, shard int32) (store.Session, error) {
	session, err := d.Store.Session(ctx, shard)
	return durableSession{session}, err
}

type durableSession struct{ store.Session }

func (durableSession) Wait(context.Context) error { return nil }

func (s durableSession) Commit(ctx context.Context, c *store.Commit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Session.Commit(ctx, c)
}

// A run that was cut, and one that goes on after it, pass every fail point there is.
func TestEveryFailPointIsReached(t *testing.T) {
	w := newWorld(t)
	workload(w)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	passed, cut := map[string]bool{}, 2
	pipeline.WatchFailPoints(t, func(kind, moment string) {
		mu.Lock()
		defer mu.Unlock()
		passed[kind+"."+moment] = true
		if kind == "publish" && moment == "after" {
			if cut--; cut == 0 {
				cancel()
			}
		}
	})
	run := func(ctx context.Context) error {
		config := small(replayConfig())
		config.Durable = true
		ports := w.connect().Ports()
		p, err := pipeline.New(config, pipeline.Ports{Log: ports.Log, Store: durable{ports.Store}, Sink: ports.Sink, Letters: ports.Letters})
		require.NoError(t, err)
		return p.Run(ctx)
	}
	require.ErrorIs(t, run(ctx), context.Canceled)
	require.NoError(t, run(t.Context()))
	require.Equal(t, slices.Sorted(slices.Values(pipeline.FailPoints())), slices.Sorted(maps.Keys(passed)))
}
