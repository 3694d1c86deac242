//go:build real

package real_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/keys"
)

// opener opens sessions on a server of its own kind.
type opener struct {
	config store.Config
	master *real.Redis
	start  func(settings ...string) (*real.Redis, error) // another of the kind
}

func newOpener(server *real.Redis, start func(...string) (*real.Redis, error)) *opener {
	return &opener{store.Config{Addrs: []string{server.Addr()}, Mode: store.ModeStandalone}, server, start}
}

func (o *opener) Session(t *testing.T, namespace string, shard int32) store.Session {
	return configured{o.config}.Session(t, namespace, shard)
}

func (o *opener) Trouble(t *testing.T, kind, _ string, _ int32) (over func(), ok bool) {
	if kind == "NOSCRIPT" {
		require.NoError(t, o.master.Do(t.Context(), "SCRIPT", "FLUSH"))
		return func() {}, true
	}
	ended, err := o.master.Refuse(bounded(t), kind)
	if errors.Is(err, real.ErrUnavailable) {
		return nil, false
	}
	require.NoError(t, err)
	return func() { require.NoError(t, ended()) }, true
}

func (o *opener) Lag(t *testing.T) (promote func()) {
	ctx := bounded(t)
	require.NoError(t, o.master.Do(ctx, "CONFIG", "SET", "repl-diskless-sync-delay", 0))
	replica, err := o.start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, replica.Close()) })
	require.NoError(t, replica.Follow(ctx, o.master))
	require.NoError(t, replica.CatchUp(ctx, o.master))
	require.NoError(t, replica.Unlink(ctx))
	return func() {
		require.NoError(t, replica.Lead(ctx))
		o.config.Addrs = []string{replica.Addr()}
	}
}

func TestRedisIsAStore(t *testing.T) {
	for name, settings := range map[string][]string{
		"keeping nothing":   nil,
		"appending to disk": {"--appendonly", "yes", "--appendfsync", "always"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startRedis(t, settings...)
			conformance.Store(t, func(*testing.T) conformance.Opener { return newOpener(server, real.StartRedis) })
		})
	}
}

// clusterOpener opens sessions on a cluster. Each of its nodes could have troubles
// of its own; the cluster's are that it forgets scripts and that it moves slots.
type clusterOpener struct {
	configured
	cluster *real.Cluster
}

func (o clusterOpener) Trouble(t *testing.T, kind, namespace string, shard int32) (over func(), ok bool) {
	ctx := bounded(t)
	switch kind {
	case "NOSCRIPT":
		for i := range clusterMasters {
			require.NoError(t, o.cluster.Master(i).Do(ctx, "SCRIPT", "FLUSH"))
		}
	case "MOVED":
		slot, err := o.cluster.Slot(ctx, keys.Of(namespace, shard).Shard())
		require.NoError(t, err)
		owner, err := o.cluster.Owner(ctx, slot)
		require.NoError(t, err)
		to := o.cluster.Master(0)
		if to == owner {
			to = o.cluster.Master(1)
		}
		require.NoError(t, o.cluster.MoveSlot(ctx, slot, to))
	default:
		return nil, false
	}
	return func() {}, true
}

const clusterMasters = 3

func TestRedisClusterIsAStore(t *testing.T) {
	cluster := startCluster(t, clusterMasters, 0)
	conformance.Store(t, func(*testing.T) conformance.Opener {
		return clusterOpener{configured{store.Config{Addrs: cluster.Addrs()}}, cluster}
	})
}
