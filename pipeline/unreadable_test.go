package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pkg/keys"
)

func TestAHashThatCannotBeUsedStopsThePipeline(t *testing.T) {
	t.Run("of a newer version", func(t *testing.T) {
		stopsAt(t, "state-unreadable", "newer_counter", map[string]string{"head": "x:1", "n:purchases": "consumed=1 newer_counter=2"})
	})
	t.Run("being deleted", func(t *testing.T) {
		stopsAt(t, "namespace-leftovers", "tidemark namespace delete", map[string]string{"head": "deleted", "deleted": "1"})
	})
}

func stopsAt(t *testing.T, code, says string, written map[string]string) {
	w := newWorld(t)
	client := redis.NewClient(&redis.Options{Addr: w.servers.RedisAddr()})
	defer func() { require.NoError(t, client.Close()) }()
	key := keys.Of("test", 1).Shard()
	require.NoError(t, client.HSet(t.Context(), key, written).Err())

	config := replayConfig()
	config.WallClock, config.TimerGrace = true, 2*time.Second // it would run for ever
	p, err := pipeline.New(config, w.Ports())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = p.Run(ctx)
	var stop *pipeline.Stop
	require.ErrorAs(t, err, &stop)
	require.Equal(t, code, stop.Code)
	require.Contains(t, err.Error(), "shard 1")
	require.Contains(t, err.Error(), says)
	require.Equal(t, written, client.HGetAll(t.Context(), key).Val(), "nothing was written over it")
}
