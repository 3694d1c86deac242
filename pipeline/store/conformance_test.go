package store_test

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/store"
)

// redisOpener opens sessions on one server.
type redisOpener struct {
	addr string
	real *real.Redis // nil: miniredis, which has no settings
}

func (o redisOpener) Session(t *testing.T, namespace string, shard int32) store.Session {
	r := store.Open(store.Config{Addrs: []string{o.addr}, Mode: store.ModeStandalone, Namespace: namespace, Topics: conformance.StoreTopics})
	t.Cleanup(func() { _ = r.Close() })
	session, err := r.Session(context.Background(), shard)
	require.NoError(t, err)
	return session
}

// Trouble is for the server alone that it is asked of.
func (o redisOpener) Trouble(t *testing.T, kind, _ string, _ int32) (over func(), ok bool) {
	if kind == "NOSCRIPT" {
		client := redis.NewClient(&redis.Options{Addr: o.addr, MaxRetries: -1})
		defer func() { require.NoError(t, client.Close()) }()
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		return func() {}, true
	}
	if o.real == nil {
		return nil, false
	}
	ended, err := o.real.Refuse(t.Context(), kind)
	if errors.Is(err, real.ErrUnavailable) {
		return nil, false
	}
	require.NoError(t, err)
	return func() { require.NoError(t, ended()) }, true
}

func TestMiniredisIsAStore(t *testing.T) {
	server := miniredis.RunT(t)
	conformance.Store(t, func(*testing.T) conformance.Opener { return redisOpener{addr: server.Addr()} })
}

// TestRedisIsAStore runs the suite against a real server, where there is one.
func TestRedisIsAStore(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on the PATH")
	}
	server, err := real.StartRedis()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	conformance.Store(t, func(*testing.T) conformance.Opener { return redisOpener{server.Addr(), server} })
}
