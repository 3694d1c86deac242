package store_test

import (
	"context"
	"os/exec"
	"testing"

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
