//go:build real

package real_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
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

// Trouble is made on a single server; each node of a cluster could have its own.
func (o opener) Trouble(t *testing.T, kind string) (over func(), ok bool) {
	if len(o.addrs) > 1 {
		return func() {}, kind == "NOSCRIPT" && o.forget(t)
	}
	client := redis.NewClient(&redis.Options{Addr: o.addrs[0], MaxRetries: -1})
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	do := func(args ...any) { require.NoError(t, client.Do(context.Background(), args...).Err()) }
	switch kind {
	case "NOSCRIPT":
		do("SCRIPT", "FLUSH")
		return func() {}, true
	case "OOM":
		do("CONFIG", "SET", "maxmemory", "1")
		return func() { do("CONFIG", "SET", "maxmemory", "0") }, true
	case "READONLY":
		do("REPLICAOF", "127.0.0.1", "1")
		return func() { do("REPLICAOF", "NO", "ONE") }, true
	case "NOREPLICAS":
		do("CONFIG", "SET", "min-replicas-to-write", "1")
		return func() { do("CONFIG", "SET", "min-replicas-to-write", "0") }, true
	}
	return nil, false
}

// forget has every master of a cluster forget its scripts.
func (o opener) forget(t *testing.T) bool {
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: o.addrs})
	defer func() { require.NoError(t, cluster.Close()) }()
	require.NoError(t, cluster.ForEachMaster(context.Background(), func(ctx context.Context, master *redis.Client) error {
		return master.ScriptFlush(ctx).Err()
	}))
	return true
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
