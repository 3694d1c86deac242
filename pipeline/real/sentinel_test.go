//go:build real

package real_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/store"
)

func startSentinels(t *testing.T, settings ...string) *real.Sentinels {
	s, err := real.StartSentinels(settings...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// watched is what sentinels know.
func watched(s *real.Sentinels) store.Config {
	return store.Config{Addrs: s.Addrs(), Sentinel: store.Sentinel{Master: real.MasterName}}
}

// TestSentinels fails over in the middle of a run. What was published was in the
// replica, so the outcome is the same to the byte.
func TestSentinels(t *testing.T) {
	servers := startSentinels(t)
	t.Run("is a store", func(t *testing.T) {
		conformance.Store(t, func(*testing.T) conformance.Opener { return configured{watched(servers)} })
	})
	t.Run("another master's name", func(t *testing.T) {
		where := watched(servers)
		where.Sentinel.Master = "mine"
		s := configured{where}.store(t, "any")
		_, err := s.Time(t.Context())
		require.ErrorContains(t, err, "redis.sentinel.master")
	})
	t.Run("a user of the sentinels", func(t *testing.T) {
		for _, args := range documented(t, "ACL SETUSER watcher ") {
			command := []any{"ACL", "SETUSER", "watcher", "reset"}
			for _, arg := range args {
				command = append(command, strings.Replace(arg, ">secret", ">"+password, 1))
			}
			require.NoError(t, servers.Do(t.Context(), command...))
		}
		where := watched(servers)
		where.Sentinel.Username, where.Sentinel.Password = "watcher", password
		require.NoError(t, mustTakeOver(t, configured{where}.store(t, "watched"), 0).commit("one"))
		where.Sentinel.Password = "another"
		_, err := configured{where}.store(t, "watched").Time(t.Context())
		require.ErrorContains(t, err, "WRONGPASS")
		require.ErrorContains(t, err, "those of redis.sentinel")
	})
	t.Run("durability", func(t *testing.T) { replicated(t, servers) })
	t.Run("fail-over", func(t *testing.T) { failsOver(t, servers) })
}

func failsOver(t *testing.T, servers *real.Sentinels) {
	lines := shopping(t, 10_000)
	want := undisturbed(t, lines)
	e := newEngine(t, sharedKafka(t))
	e.where.Redis = watched(servers)
	e.where.Redis.Durability = store.Durability{Replicas: 1}
	e.feed(lines)
	lives := e.live(spread(len(want.changes),
		trouble{name: "the master dies", do: func() error { return servers.FailOver(e.ctx) }},
	))
	require.Equal(t, 1, lives, "the worker goes on by itself")
	got := e.outcome(want.customers)
	requireSameChanges(t, want.changes, got.changes)
	requireSameRest(t, want, got)
	for place, value := range want.customers {
		require.Equal(t, value, got.customers[place], "customer %s", place)
	}
}

// replicated asks for one replica, which there is, and for two.
func replicated(t *testing.T, servers *real.Sentinels) {
	where := watched(servers)
	where.Durability, where.Timeout = store.Durability{Replicas: 1}, 10*time.Second
	w := mustTakeOver(t, configured{where}.store(t, "replicated"), 0)
	require.NoError(t, w.commit("one"))
	require.NoError(t, w.Wait(w.ctx))
	require.NoError(t, w.commit("two"))

	where.Durability, where.Timeout = store.Durability{Replicas: 2}, 4*time.Second
	w = mustTakeOver(t, configured{where}.store(t, "replicated"), 0)
	require.NoError(t, w.commit("three"))
	require.ErrorContains(t, w.Wait(w.ctx), "1 of 2 replicas have the commit after 2s")
	require.ErrorContains(t, w.commit("four"), "1 of 2 replicas", "the session is over")
	require.Equal(t, "three", stored(t, configured{where}.store(t, "replicated"), 0), "it may be durable or not: only Redis knows")
}

// configured opens sessions of a configuration.
type configured struct{ config store.Config }

func (c configured) Session(t *testing.T, namespace string, shard int32) store.Session {
	session, err := c.store(t, namespace).Session(context.Background(), shard)
	require.NoError(t, err)
	return session
}

func (c configured) store(t *testing.T, namespace string) *store.Redis {
	c.config.Namespace, c.config.Topics = namespace, conformance.StoreTopics
	r := store.Open(c.config)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// A cluster is recognised by any one of its nodes, by a user with the documented
// rights.
func TestAClusterByOneNode(t *testing.T) {
	cluster := startCluster(t, 3, 0)
	for i := range cluster.Addrs() {
		admit(t, cluster.Master(i), "one-node")
	}
	for _, addr := range cluster.Addrs() {
		s := configured{store.Config{Addrs: []string{addr}, Username: user, Password: password}}.store(t, "one-node")
		for shard := range int32(6) { // some on each node
			require.NoError(t, mustTakeOver(t, s, shard).commit("one"))
		}
	}
}

// byAddr are the servers that a store names, and those of them that were silent.
func byAddr(t *testing.T, config store.Config) (all map[string]store.Server, silent []string) {
	servers, err := configured{config}.store(t, "any").Servers(bounded(t))
	require.NoError(t, err)
	all = map[string]store.Server{}
	for _, s := range servers {
		all[s.Addr] = s
		if s.Err != nil {
			require.ErrorContains(t, s.Err, "asking Redis at "+s.Addr)
			silent = append(silent, s.Addr)
		}
	}
	require.Len(t, all, len(servers))
	return all, silent
}

// A replica is the master tomorrow: what it would do wrong then is found today,
// by a user with the documented rights.
func TestReplicasBehindSentinelsAreAskedToo(t *testing.T) {
	servers := startSentinels(t, "--maxmemory-policy", "noeviction")
	replica := servers.Server(1)
	require.NoError(t, replica.Do(t.Context(), "CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
	for i := range 2 {
		admit(t, servers.Server(i), "any")
	}
	where := watched(servers)
	where.Username, where.Password = user, password
	all, silent := byAddr(t, where)
	require.Empty(t, silent)
	require.Len(t, all, 2)
	master := all["the sentinels' master "+real.MasterName]
	require.Equal(t, []string{"master", "noeviction"}, []string{master.Role, master.Eviction})
	require.Equal(t, []string{"slave", "allkeys-lru"}, []string{all[replica.Addr()].Role, all[replica.Addr()].Eviction})

	// One that is listed still, but takes no commands.
	where = watched(servers)
	where.Timeout = 3 * time.Second
	require.NoError(t, replica.Do(t.Context(), "CLIENT", "PAUSE", 60_000, "ALL"))
	_, silent = byAddr(t, where)
	require.Equal(t, []string{replica.Addr()}, silent)
}

// A node that died is listed until the others agree on it.
func TestNodesOfAClusterThatDoNotAnswer(t *testing.T) {
	cluster := startCluster(t, 3, 1)
	where := store.Config{Addrs: []string{cluster.Master(0).Addr()}}
	require.NoError(t, real.Await(bounded(t), time.Minute, func(context.Context) error {
		all, silent := byAddr(t, where)
		require.Empty(t, silent)
		if len(all) < 6 { // a new replica is not listed before it has told of itself
			return fmt.Errorf("of 6 nodes %d are listed", len(all))
		}
		return nil
	}))

	for i := range 3 {
		for _, node := range []*real.Redis{cluster.Master(i), cluster.Replica(i)} {
			require.NoError(t, node.Do(t.Context(), "CONFIG", "SET", "cluster-node-timeout", 60_000))
		}
	}
	dead := []string{cluster.Replica(0).Addr(), cluster.Master(1).Addr()}
	cluster.Replica(0).Kill()
	cluster.Master(1).Kill()
	_, silent := byAddr(t, where)
	require.ElementsMatch(t, dead, silent)
}
