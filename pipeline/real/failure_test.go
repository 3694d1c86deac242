//go:build real

package real_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/keys"
)

const failureNamespace = "failure"

// worker is a session that has taken its shard over, and what it would commit
// next.
type worker struct {
	store.Session
	ctx   context.Context
	state store.State
	next  int
}

// takeOver is what a worker does after everything but OK.
func takeOver(ctx context.Context, s *store.Redis, shard int32) (*worker, error) {
	session, err := s.Session(ctx, shard)
	if err != nil {
		return nil, err
	}
	stored, err := session.Head(ctx)
	if err == nil {
		stored, _, err = session.TakeOver(ctx, stored.Head, fmt.Sprintf("%p:0", session))
	}
	if err != nil {
		_ = session.Close()
		return nil, err
	}
	return &worker{Session: session, ctx: ctx, state: stored}, nil
}

func mustTakeOver(t *testing.T, s *store.Redis, shard int32) *worker {
	w, err := takeOver(bounded(t), s, shard)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// commit stores one customer.
func (w *worker) commit(value string) error {
	state := w.state.Clone()
	w.next++
	state.Head = fmt.Sprintf("%p:%d", w.Session, w.next)
	err := w.Commit(w.ctx, &store.Commit{Head: w.state.Head, State: &state,
		Customers: []store.Entry{{Customer: "c", Value: []byte(value)}}, Timers: []store.Timer{{Customer: "c", At: int64(w.next)}}})
	if err == nil {
		w.state = state
	}
	return err
}

// stored is what the customer is now, seen by another worker.
func stored(t *testing.T, s *store.Redis, shard int32) string {
	session, err := s.Session(t.Context(), shard)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	values, err := session.Load(t.Context(), []string{"c"})
	require.NoError(t, err)
	return string(values[0])
}

func TestARedisThatForgotIsNoticedBeforeTheNextWrite(t *testing.T) {
	server := startRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := configured{store.Config{Addrs: []string{server.Addr()}}}.store(t, failureNamespace)
	w := mustTakeOver(t, s, 0)
	require.NoError(t, w.commit("one"))
	require.NoError(t, server.Do(w.ctx, "FLUSHALL"))
	require.ErrorIs(t, w.commit("two"), store.ErrFenced)
	require.Empty(t, stored(t, s, 0))

	w = mustTakeOver(t, s, 0)
	require.NoError(t, w.commit("one"))
	before, err := server.Snapshot(bounded(t))
	require.NoError(t, err)
	require.NoError(t, w.commit("two"))
	require.NoError(t, server.Rollback(before))
	require.Error(t, w.commit("three"), "its connection is gone")
	require.Error(t, w.commit("three"), "and it makes no other one")
	require.Equal(t, "one", stored(t, s, 0))
	require.NoError(t, mustTakeOver(t, s, 0).commit("again"))
}

// With everysec a Redis whose disk is slow answers before it has handed a commit
// to the kernel: a crash of the process alone may then take back the last two
// seconds. The other settings do not.
func TestCommitsOutliveACrash(t *testing.T) {
	for _, fsync := range []string{"always", "no"} {
		t.Run(fsync, func(t *testing.T) { commitsOutliveACrash(t, fsync) })
	}
}

func commitsOutliveACrash(t *testing.T, fsync string) {
	server := startRedis(t, "--appendonly", "yes", "--appendfsync", fsync)
	s := configured{store.Config{Addrs: []string{server.Addr()}}}.store(t, failureNamespace)
	for i := range 5 {
		w := mustTakeOver(t, s, 0)
		value := fmt.Sprint(i)
		require.NoError(t, w.commit(value))
		require.NoError(t, server.Restart())
		require.Error(t, w.commit("after the crash"))
		require.Equal(t, value, stored(t, s, 0))
	}
}

// A server that has forgotten the scripts is no reason to take over.
func TestForgottenScripts(t *testing.T) {
	server := startRedis(t)
	s := configured{store.Config{Addrs: []string{server.Addr()}}}.store(t, failureNamespace)
	w := mustTakeOver(t, s, 0)
	require.NoError(t, w.commit("one"))
	require.NoError(t, server.Do(w.ctx, "SCRIPT", "FLUSH"))
	require.NoError(t, w.commit("two"))
	require.Equal(t, "two", stored(t, s, 0))
}

// Refused as a whole, and possible again when the reason is gone.
func TestCommitsThatRedisRefuses(t *testing.T) {
	server := startRedis(t)
	s := configured{store.Config{Addrs: []string{server.Addr()}}}.store(t, failureNamespace)
	for _, c := range []struct {
		reason      string
		begin, over []any
	}{
		{"OOM", []any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"}},
		{"READONLY", []any{"REPLICAOF", "127.0.0.1", "1"}, []any{"REPLICAOF", "NO", "ONE"}},
		{"NOREPLICAS", []any{"CONFIG", "SET", "min-replicas-to-write", "1"}, []any{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		{"WRONGTYPE", []any{"SET", keys.Of(failureNamespace, 0).Shard(), "x"}, []any{"DEL", keys.Of(failureNamespace, 0).Shard()}},
		{"no sorted set", []any{"SET", keys.Of(failureNamespace, 0).Timers(), "x"}, []any{"DEL", keys.Of(failureNamespace, 0).Timers()}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			w := mustTakeOver(t, s, 0)
			require.NoError(t, w.commit("before"))
			require.NoError(t, server.Do(w.ctx, c.begin...))
			require.ErrorContains(t, w.commit("meanwhile"), c.reason)
			require.Equal(t, "before", stored(t, s, 0))
			require.NoError(t, server.Do(w.ctx, c.over...))
			require.NoError(t, mustTakeOver(t, s, 0).commit("after"))
			require.Equal(t, "after", stored(t, s, 0))
		})
	}
}

// When a replica becomes the master, its shards' workers go there, and the old
// master takes nothing from them any more.
func TestAClusterThatMovesAShard(t *testing.T) {
	cluster := startCluster(t, 3, 1)
	s := configured{store.Config{Addrs: cluster.Addrs()}}.store(t, failureNamespace)
	ctx := bounded(t)
	for shard := range int32(6) { // some on each node
		require.NoError(t, mustTakeOver(t, s, shard).commit("before"))
	}
	var workers []*worker
	for shard := range int32(6) {
		workers = append(workers, mustTakeOver(t, s, shard))
	}
	require.NoError(t, cluster.Promote(ctx, 0))
	moved := 0
	for shard, w := range workers {
		if err := w.commit("after"); err == nil {
			continue
		}
		moved++
		require.NoError(t, real.Await(ctx, 30*time.Second, func(ctx context.Context) error {
			again, err := takeOver(ctx, s, int32(shard))
			if err != nil {
				return err
			}
			defer func() { _ = again.Close() }()
			return again.commit("after")
		}), "the new master is looked up")
		require.Equal(t, "after", stored(t, s, int32(shard)))
	}
	require.Positive(t, moved)
	require.Less(t, moved, len(workers), "other nodes' shards do not notice")
}

// A master that dies is replaced; nobody has to be told where the shards are.
func TestAClusterThatLosesAMaster(t *testing.T) {
	cluster := startCluster(t, 3, 1)
	s := configured{store.Config{Addrs: cluster.Addrs()}}.store(t, failureNamespace)
	ctx := bounded(t)
	cluster.Master(1).Kill()
	for shard := range int32(6) {
		require.NoError(t, real.Await(ctx, 30*time.Second, func(ctx context.Context) error {
			w, err := takeOver(ctx, s, shard)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			return w.commit("after")
		}), "shard %d", shard)
	}
}
