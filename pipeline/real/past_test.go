//go:build real

package real_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
)

// ask lends a client that does not try again.
func ask(t *testing.T, server *real.Redis) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func value(t *testing.T, server *real.Redis, key string) string {
	v, err := ask(t, server).Get(bounded(t), key).Result()
	if errors.Is(err, redis.Nil) {
		return ""
	}
	require.NoError(t, err)
	return v
}

func TestAnAppendOnlyFileIsCut(t *testing.T) {
	server := startRedis(t, "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
	ctx := bounded(t)
	require.NoError(t, server.Do(ctx, "SET", "k", "kept"))
	mark, err := server.AppendMark()
	require.NoError(t, err)
	lost, err := server.CutAppend(mark)
	require.NoError(t, err)
	require.Zero(t, lost)
	require.NoError(t, server.Do(ctx, "SET", "k", "lost"))
	lost, err = server.CutAppend(mark)
	require.NoError(t, err)
	require.Positive(t, lost)
	require.Equal(t, "kept", value(t, server, "k"))
	require.NoError(t, server.Do(ctx, "SET", "k", "again"))
	require.NoError(t, server.Restart())
	require.Equal(t, "again", value(t, server, "k"), "the file is written on behind the cut")

	require.NoError(t, server.Do(ctx, "BGREWRITEAOF"))
	require.NoError(t, real.Await(ctx, time.Minute, func(ctx context.Context) error {
		info, err := ask(t, server).InfoMap(ctx, "persistence").Result()
		if now, _ := server.AppendMark(); err == nil && (now == mark || info["Persistence"]["aof_rewrite_in_progress"] != "0") {
			err = fmt.Errorf("the file is not new")
		}
		return err
	}))
	_, err = server.CutAppend(mark)
	require.ErrorContains(t, err, "written anew")
}

func TestABackupIsPutBack(t *testing.T) {
	for _, appendOnly := range []string{"yes", "no"} {
		server := startRedis(t, "--appendonly", appendOnly)
		ctx := bounded(t)
		require.NoError(t, server.Do(ctx, "SET", "k", "old"))
		backup, err := server.Backup(ctx)
		require.NoError(t, err)
		require.NoError(t, server.Do(ctx, "SET", "k", "young"))
		for range 2 {
			require.NoError(t, server.Restore(ctx, backup))
			require.Equal(t, "old", value(t, server, "k"))
			require.NoError(t, server.Do(ctx, "SET", "k", "youngest"))
		}
		require.NoError(t, server.Restart())
		if appendOnly == "yes" {
			require.Equal(t, "youngest", value(t, server, "k"))
		}
	}
}

func TestAReplicaLags(t *testing.T) {
	const atOnce = "--repl-diskless-sync-delay"
	master, replica := startRedis(t, atOnce, "0"), startRedis(t, atOnce, "0")
	ctx := bounded(t)
	require.NoError(t, replica.Follow(ctx, master))
	require.NoError(t, master.Do(ctx, "SET", "k", "known"))
	require.NoError(t, replica.CatchUp(ctx, master))
	require.NoError(t, replica.Unlink(ctx))
	require.NoError(t, master.Do(ctx, "SET", "k", "missed"))
	require.Equal(t, "known", value(t, replica, "k"))
	require.NoError(t, replica.Lead(ctx))
	require.NoError(t, replica.Relink(ctx))
	require.NoError(t, replica.Do(ctx, "SET", "k", "its own"))
	require.NoError(t, master.Follow(ctx, replica))
	require.Equal(t, "its own", value(t, master, "k"))
}

func TestABusyServer(t *testing.T) {
	const during = 100 * time.Millisecond
	server := startRedis(t)
	client := ask(t, server)
	over, err := server.Refuse(bounded(t), "BUSY")
	require.NoError(t, err)
	require.True(t, redis.HasErrorPrefix(client.Ping(bounded(t)).Err(), "BUSY"))
	require.NoError(t, over())
	require.NoError(t, client.Ping(bounded(t)).Err())

	began := time.Now()
	require.NoError(t, server.Busy(bounded(t), during))
	require.GreaterOrEqual(t, time.Since(began), during)
	require.NoError(t, client.Ping(bounded(t)).Err())
}

func TestAServerReadsItsFilesSlowly(t *testing.T) {
	const keys = 20_000 // it looks at its clients once in a thousand
	server := startRedis(t, "--appendonly", "yes")
	ctx := bounded(t)
	client := ask(t, server)
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range keys {
			p.Set(ctx, fmt.Sprint(i), i, 0)
		}
		return nil
	})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.RestartSlowly(2 * time.Second) }()
	require.NoError(t, real.Await(bounded(t), time.Minute, func(ctx context.Context) error {
		if err := client.Get(ctx, "1").Err(); err == nil || !redis.HasErrorPrefix(err, "LOADING") {
			return fmt.Errorf("it is not loading: %w", err)
		}
		return nil
	}))
	require.NoError(t, <-done)
	require.Equal(t, "7", value(t, server, "7"))
}

func TestSlotsAreMovedAndSeized(t *testing.T) {
	cluster := startCluster(t, 3, 1)
	ctx := bounded(t)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), DisableIdentity: true})
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	slot, err := cluster.Slot(ctx, "{shard}")
	require.NoError(t, err)
	from, err := cluster.Owner(ctx, slot)
	require.NoError(t, err)
	to := cluster.Master(0)
	if to == from {
		to = cluster.Master(1)
	}
	const keys = 250 // more than one command moves
	for i := range keys {
		require.NoError(t, client.Set(ctx, fmt.Sprintf("{shard}:%d", i), i, 0).Err())
	}
	require.NoError(t, cluster.MoveSlot(ctx, slot, to))
	owner, err := cluster.Owner(ctx, slot)
	require.NoError(t, err)
	require.Equal(t, to.Addr(), owner.Addr())
	for i := range keys {
		v, err := client.Get(ctx, fmt.Sprintf("{shard}:%d", i)).Int()
		require.NoError(t, err)
		require.Equal(t, i, v)
	}

	for i := range 3 {
		if cluster.Master(i) != to {
			continue
		}
		master, replica, err := cluster.Pair(ctx, i)
		require.NoError(t, err)
		require.Equal(t, to.Addr(), master.Addr())
		require.NoError(t, replica.CatchUp(ctx, master))
		require.NoError(t, replica.Unlink(ctx))
		require.NoError(t, client.Set(ctx, "{shard}:0", "lost", 0).Err())
		require.NoError(t, cluster.Seize(ctx, replica, master))
		now, old, err := cluster.Pair(ctx, i)
		require.NoError(t, err)
		require.Equal(t, replica.Addr(), now.Addr())
		require.Equal(t, master.Addr(), old.Addr())
		v, err := client.Get(ctx, "{shard}:0").Result()
		require.NoError(t, err)
		require.Equal(t, "0", v, "the tail was missing")
	}
}
