//go:build real

package real_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/store"
)

// TestNewerRedis runs over the Redis of today what needs it.
func TestNewerRedis(t *testing.T) {
	server, err := real.StartNewerRedis("--appendonly", "yes", "--appendfsync", "everysec")
	if errors.Is(err, real.ErrUnavailable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	where := store.Config{Addrs: []string{server.Addr()}, Durability: store.Durability{Fsync: true}}
	t.Run("is a store", func(t *testing.T) {
		conformance.Store(t, func(*testing.T) conformance.Opener {
			o := newOpener(server, real.StartNewerRedis)
			o.config.Durability = where.Durability
			return o
		})
	})
	t.Run("commits reach the disk", func(t *testing.T) {
		w := mustTakeOver(t, configured{where}.store(t, "disk"), 0)
		require.NoError(t, w.commit("one"))
		require.NoError(t, w.Wait(w.ctx))
		require.NoError(t, w.commit("two"))
	})
	t.Run("a disk that is not asked", func(t *testing.T) {
		impatient := where
		impatient.Timeout = 4 * time.Second
		w := mustTakeOver(t, configured{impatient}.store(t, "lazy"), 0)
		require.NoError(t, server.Do(w.ctx, "CONFIG", "SET", "appendfsync", "no"))
		require.NoError(t, w.commit("one"))
		require.ErrorContains(t, w.Wait(w.ctx), "the commit is not on disk after 2s")
		require.ErrorContains(t, w.commit("two"), "not on disk", "the session is over")
		require.NoError(t, server.Do(w.ctx, "CONFIG", "SET", "appendfsync", "everysec"))
	})
	t.Run("no file", func(t *testing.T) {
		w := mustTakeOver(t, configured{where}.store(t, "none"), 0)
		require.NoError(t, server.Do(w.ctx, "CONFIG", "SET", "appendonly", "no"))
		require.NoError(t, w.commit("one"))
		require.ErrorContains(t, w.Wait(w.ctx), "redis.durability: fsync needs Redis 7.2 with appendonly yes")
	})
}

// An old Redis cannot be asked, and a commit that nobody can vouch for is an
// error.
func TestAnOldRedisKnowsNothingOfItsDisk(t *testing.T) {
	server := startRedis(t, "--appendonly", "yes")
	w := mustTakeOver(t, configured{store.Config{Addrs: []string{server.Addr()}, Durability: store.Durability{Fsync: true}}}.store(t, "old"), 0)
	require.NoError(t, w.commit("one"))
	if err := w.Wait(w.ctx); err != nil { // the PATH's Redis may be a newer one
		require.ErrorContains(t, err, "redis.durability: fsync needs Redis 7.2 with appendonly yes")
		require.Error(t, w.commit("two"))
	}
}
