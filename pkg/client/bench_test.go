package client_test

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/segment"
)

// BenchmarkGet reads single customers, one after the other, from a redis-server
// where there is one; p99-µs is how long the slowest hundredth took.
func BenchmarkGet(b *testing.B) {
	c, ids := benchClient(b)
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		got, err := c.Get(b.Context(), ids[i%len(ids)])
		took = append(took, time.Since(begin))
		if err != nil || got.Segment != segment.Loyal {
			b.Fatal(got, err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}

// BenchmarkGetMany reads a hundred customers at once.
func BenchmarkGetMany(b *testing.B) {
	c, ids := benchClient(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.GetMany(b.Context(), ids[:100]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/customer")
}

const benchShards = 12

func benchClient(b *testing.B) (*client.Client, []string) {
	_, err := exec.LookPath("redis-server")
	servers, err := embedded.Start(embedded.Options{RealRedis: err == nil})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, servers.Close()) })
	r := redis.NewClient(&redis.Options{Addr: servers.RedisAddr(), DisableIdentity: true})
	b.Cleanup(func() { require.NoError(b, r.Close()) })
	for i := range int32(benchShards) {
		require.NoError(b, r.HSet(b.Context(), keys.Of("shop", i).Shard(), "partitions", benchShards, "clock", clock).Err())
	}
	var ids []string
	for i := range 1000 {
		id := fmt.Sprintf("c-%d", i)
		ids = append(ids, id)
		key := keys.Of("shop", partition.Murmur2.Partition(id, benchShards)).Customer(id)
		require.NoError(b, r.Set(b.Context(), key, stored(loyal), 0).Err())
	}
	return client.New(r, "shop"), ids
}
