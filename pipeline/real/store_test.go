//go:build real

package real_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/store"
)

// opener opens sessions on a server, or on a cluster.
type opener struct{ addrs []string }

func (o opener) Session(t *testing.T, namespace string, shard int32) store.Session {
	session, err := o.store(t, namespace).Session(context.Background(), shard)
	require.NoError(t, err)
	return session
}

func (o opener) store(t *testing.T, namespace string) *store.Redis {
	r := store.Open(store.Config{Addrs: o.addrs, Namespace: namespace, Topics: conformance.StoreTopics})
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRedisIsAStore(t *testing.T) {
	for name, settings := range map[string][]string{
		"keeping nothing":   nil,
		"appending to disk": {"--appendonly", "yes", "--appendfsync", "always"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startRedis(t, settings...)
			conformance.Store(t, func(*testing.T) conformance.Opener { return opener{[]string{server.Addr()}} })
		})
	}
}

func TestRedisClusterIsAStore(t *testing.T) {
	cluster := startCluster(t, 3, 0)
	conformance.Store(t, func(*testing.T) conformance.Opener { return opener{cluster.Addrs()} })
}
