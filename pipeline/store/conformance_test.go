package store_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/store"
)

// redisOpener opens sessions on one server.
type redisOpener struct{ addr string }

func (o redisOpener) Session(t *testing.T, namespace string, shard int32) store.Session {
	r := store.Open(store.Config{Addrs: []string{o.addr}, Namespace: namespace, Topics: conformance.StoreTopics})
	t.Cleanup(func() { _ = r.Close() })
	session, err := r.Session(context.Background(), shard)
	require.NoError(t, err)
	return session
}

// Trouble is for the server alone that it is asked of.
func (o redisOpener) Trouble(t *testing.T, kind string) (over func(), ok bool) {
	client := redis.NewClient(&redis.Options{Addr: o.addr, MaxRetries: -1})
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	do := func(args ...any) error { return client.Do(context.Background(), args...).Err() }
	if kind == "NOSCRIPT" {
		require.NoError(t, do("SCRIPT", "FLUSH"))
		return func() {}, true
	}
	if do("CONFIG", "GET", "maxmemory") != nil {
		return nil, false // miniredis has no settings
	}
	trouble := map[string][2][]any{
		"OOM":        {{"CONFIG", "SET", "maxmemory", "1"}, {"CONFIG", "SET", "maxmemory", "0"}},
		"READONLY":   {{"REPLICAOF", "127.0.0.1", "1"}, {"REPLICAOF", "NO", "ONE"}},
		"NOREPLICAS": {{"CONFIG", "SET", "min-replicas-to-write", "1"}, {"CONFIG", "SET", "min-replicas-to-write", "0"}},
	}[kind]
	require.NoError(t, do(trouble[0]...))
	return func() { require.NoError(t, do(trouble[1]...)) }, true
}

// TestRedisIsAStore runs the suite against miniredis, and against a real server
// where there is one.
func TestRedisIsAStore(t *testing.T) {
	servers := map[string]bool{"miniredis": false}
	if _, err := exec.LookPath("redis-server"); err == nil {
		servers["redis-server"] = true
	}
	for name, real := range servers {
		t.Run(name, func(t *testing.T) {
			started, err := embedded.Start(embedded.Options{RealRedis: real})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, started.Close()) })
			conformance.Store(t, func(*testing.T) conformance.Opener { return redisOpener{started.RedisAddr()} })
		})
	}
}
