//go:build real

package real_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/export"
	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Readers go over all masters of a cluster, and over what one scan cannot find at
// once.
func TestReadersOfACluster(t *testing.T) {
	cluster := startCluster(t, 3, 0)
	r := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: cluster.Addrs(), IsClusterMode: true})
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	readersRead(t, r)
}

func TestReadersOfARedis(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: startRedis(t).Addr()})
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	readersRead(t, r)
}

func readersRead(t *testing.T, r redis.UniversalClient) {
	const shards, customers, since = 12, 20_000, int64(1_767_225_600_000)
	ctx := bounded(t)
	pipe := r.Pipeline()
	for _, name := range []string{"shop", "other"} {
		pipe.HSet(ctx, keys.Namespace(name), "partitions", shards, "document", policy.Default().Document())
		for i := range int32(shards) {
			pipe.HSet(ctx, keys.Of(name, i).Shard(), "head", "x:1", "partitions", shards, "clock", since+int64(i), "size:edge", customers/shards)
		}
	}
	p := profile.New()
	p.Segment, p.Since, p.Version = segment.Edge, since, 1
	value := p.Append(nil)
	ids := make([]string, customers)
	for i := range ids {
		ids[i] = fmt.Sprintf("c-%d", i)
		pipe.Set(ctx, keys.Of("shop", partition.Murmur2.Partition(ids[i], shards)).Customer(ids[i]), value, 0)
	}
	pipe.Set(ctx, keys.Of("other", 3).Customer("c-1"), value, 0)
	_, err := pipe.Exec(ctx)
	require.NoError(t, err)

	segments, space := client.New(r, "shop"), namespace.Open(r, "shop")
	found, err := segments.GetMany(ctx, append([]string{"nobody"}, ids...))
	require.NoError(t, err)
	require.Equal(t, segment.None, found[0].Segment)
	for i, c := range found[1:] {
		require.Equal(t, ids[i], c.ID)
		require.Equal(t, segment.Edge, c.Segment)
		require.Equal(t, since+int64(partition.Murmur2.Partition(c.ID, shards)), c.AsOf.UnixMilli())
	}

	var listed []string
	pieces := 0
	n, err := export.Run(ctx, export.Options{Namespace: space, Client: segments, Format: export.CSV,
		Line: func(line []byte) error {
			id, _, _ := strings.Cut(string(line), ",")
			listed = append(listed, id)
			return nil
		},
		Progress: func(int64) { pieces++ }})
	require.NoError(t, err)
	require.Equal(t, int64(customers), n)
	slices.Sort(listed[1:])
	slices.Sort(ids)
	require.Equal(t, ids, listed[1:])
	require.Greater(t, pieces, 5, "in pieces")

	for shard := range int32(shards) {
		some, err := space.Shard(ctx, shard)
		require.NoError(t, err)
		require.True(t, slices.IsSorted(some))
		ids = slices.DeleteFunc(ids, func(id string) bool { _, found := slices.BinarySearch(some, id); return found })
	}
	require.Empty(t, ids, "every customer is in a shard")

	report, err := space.Inspect(ctx, func(int64) {})
	require.NoError(t, err)
	require.Equal(t, int64(customers), report.Customers)
	require.Equal(t, shards, report.Shards)
	require.InDelta(t, 250, report.PerCustomer, 100)

	deleted, err := space.Delete(ctx, func(int64) {})
	require.NoError(t, err)
	require.Equal(t, int64(customers+shards+1), deleted)
	_, err = client.New(r, "shop").Get(ctx, "c-1")
	require.ErrorIs(t, err, client.ErrNoNamespace)
	left, err := namespace.Open(r, "other").Inspect(ctx, func(int64) {})
	require.NoError(t, err)
	require.Equal(t, int64(1), left.Customers, "another namespace stays")
}
