package client_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const clock = int64(1_767_225_600_123)

// shop is a namespace of three shards, as a worker would have stored it.
type shop struct {
	t     *testing.T
	mini  *miniredis.Miniredis
	redis redis.UniversalClient
}

func openShop(t *testing.T) *shop {
	mini := miniredis.RunT(t)
	s := &shop{t: t, mini: mini, redis: redis.NewClient(&redis.Options{Addr: mini.Addr(), DisableIdentity: true})}
	t.Cleanup(func() { require.NoError(t, s.redis.Close()) })
	s.begin(3)
	return s
}

func (s *shop) begin(partitions int32) {
	for i := range partitions {
		s.mini.HSet(keys.Of("shop", i).Shard(), "head", "x:1", "partitions", strconv.Itoa(int(partitions)), "clock", strconv.FormatInt(clock+int64(i), 10))
	}
}

// put stores a customer in the shard where the partitioner has him.
func (s *shop) put(id, value string, partitions int32) {
	key := keys.Of("shop", partition.Murmur2.Partition(id, partitions)).Customer(id)
	require.NoError(s.t, s.mini.Set(key, value))
}

// stored is a profile's value with much behind the first line.
func stored(set func(*profile.Profile)) string {
	p := profile.New()
	set(&p)
	return string(p.Append(nil)) + strings.Repeat("\x00\n", 500)
}

func loyal(p *profile.Profile) {
	p.Segment, p.Since, p.Version = segment.Loyal, clock-1000, 7
	p.Next, p.NextAt = segment.Edge, clock+1000
}

func TestACustomerIsReadWithHisShardsTime(t *testing.T) {
	s := openShop(t)
	s.put("c-42", stored(loyal), 3)
	got, err := client.New(s.redis, "shop").Get(t.Context(), "c-42")
	require.NoError(t, err)
	require.Equal(t, client.Customer{
		ID: "c-42", Segment: segment.Loyal, Since: time.UnixMilli(clock - 1000).UTC(), Version: 7,
		Next: segment.Edge, NextAt: time.UnixMilli(clock + 1000).UTC(),
		AsOf: time.UnixMilli(clock + int64(partition.Murmur2.Partition("c-42", 3))).UTC(),
	}, got)
}

func TestWhoHasNoSegmentIsNoError(t *testing.T) {
	s := openShop(t)
	s.put("forgotten", stored(func(p *profile.Profile) { p.Version, p.ForgottenAt = 3, clock }), 3)
	got, err := client.New(s.redis, "shop").GetMany(t.Context(), []string{"unknown", "forgotten", ""})
	require.NoError(t, err)
	for i, version := range []int64{0, 3, 0} {
		require.Equal(t, segment.None, got[i].Segment)
		require.Equal(t, version, got[i].Version)
		require.Zero(t, got[i].Since)
		require.Zero(t, got[i].NextAt)
		require.False(t, got[i].AsOf.IsZero())
	}
}

func TestAShardWithoutAnEventHasNoTime(t *testing.T) {
	s := openShop(t)
	s.mini.Del(keys.Of("shop", partition.Murmur2.Partition("c-1", 3)).Shard())
	s.mini.HSet(keys.Namespace("shop"), "partitions", "3")
	got, err := client.New(s.redis, "shop").Get(t.Context(), "c-1")
	require.NoError(t, err)
	require.Equal(t, client.Customer{ID: "c-1"}, got)

	// A worker has taken the shard over, and waits for the first event.
	s.mini.HSet(keys.Of("shop", partition.Murmur2.Partition("c-1", 3)).Shard(), "head", "x:0", "partitions", "", "clock", "")
	got, err = client.New(s.redis, "shop").Get(t.Context(), "c-1")
	require.NoError(t, err)
	require.Equal(t, client.Customer{ID: "c-1"}, got)
}

func TestManyComeInTheirOrder(t *testing.T) {
	s := openShop(t)
	var ids []string
	for i := range 2500 {
		id := fmt.Sprintf("c-%d", i)
		ids = append(ids, id)
		if i%3 > 0 {
			s.put(id, stored(func(p *profile.Profile) { loyal(p); p.Version = int64(i) }), 3)
		}
	}
	got, err := client.New(s.redis, "shop").GetMany(t.Context(), ids)
	require.NoError(t, err)
	require.Len(t, got, len(ids))
	for i, c := range got {
		require.Equal(t, ids[i], c.ID)
		require.Equal(t, clock+int64(partition.Murmur2.Partition(c.ID, 3)), c.AsOf.UnixMilli(), "that of his shard")
		if i%3 > 0 {
			require.Equal(t, int64(i), c.Version)
		} else {
			require.Equal(t, segment.None, c.Segment)
		}
	}
	none, err := client.New(s.redis, "shop").GetMany(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestManyFailAsAWhole(t *testing.T) {
	s := openShop(t)
	ids := make([]string, 2500)
	for i := range ids {
		ids[i] = fmt.Sprintf("c-%d", i)
	}
	s.put(ids[1700], "hello\n", 3)
	got, err := client.New(s.redis, "shop").GetMany(t.Context(), ids)
	require.ErrorContains(t, err, `reading segments of namespace shop: customer "c-1700"`)
	require.Nil(t, got)
}

func TestTheProfileIsNotFetched(t *testing.T) {
	s := openShop(t)
	s.put("c-42", stored(loyal), 3)
	seen := &commands{}
	s.redis.AddHook(seen)
	c := client.New(s.redis, "shop")
	_, err := c.Get(t.Context(), "c-42")
	require.NoError(t, err)
	seen.sent = nil
	_, err = c.Get(t.Context(), "c-42")
	require.NoError(t, err)
	require.Equal(t, []string{"hmget", "getrange"}, seen.sent, "one round trip, the time first")
}

// commands remembers what was sent, and how long the longest answer was of what
// was sent alone.
type commands struct {
	sent []string
	most int
}

func (c *commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.sent = append(c.sent, cmd.Name())
		err := next(ctx, cmd)
		if text, ok := cmd.(*redis.StringCmd); ok {
			c.most = max(c.most, len(text.Val()))
		}
		return err
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, all []redis.Cmder) error {
		for _, cmd := range all {
			c.sent = append(c.sent, cmd.Name())
		}
		return next(ctx, all)
	}
}

func TestALaterReleaseMaySayMore(t *testing.T) {
	s := openShop(t)
	line := `{"lifecycle":"edge","tier":"` + strings.Repeat("g", 2000) + `","since":"2026-05-30T10:00:00.000Z","version":7,"next":null,"next_at":null}`
	s.put("long", line+"\n"+strings.Repeat("\x01", 100_000), 3)
	s.put("short", `{"version":1,"lifecycle":null}`+"\n", 3)
	seen := &commands{}
	s.redis.AddHook(seen)
	got, err := client.New(s.redis, "shop").GetMany(t.Context(), []string{"long", "short"})
	require.NoError(t, err)
	require.Equal(t, segment.Edge, got[0].Segment)
	require.Equal(t, "2026-05-30T10:00:00.000Z", instant.Format(got[0].Since.UnixMilli()))
	require.Equal(t, segment.None, got[1].Segment)
	require.Equal(t, int64(1), got[1].Version)
	require.Less(t, seen.most, 2*len(line), "the profile behind it is not fetched even then")
}

func TestWhatIsNotTidemarksIsAnError(t *testing.T) {
	for value, says := range map[string]string{
		"hello\n":                                           "something else than Tidemark wrote it",
		strings.Repeat("x", 300):                            "something else than Tidemark wrote it",
		`{"lifecycle":null}` + "\n":                         "something else than Tidemark wrote it",
		`{"lifecycle":null,"version":1}`:                    "something else than Tidemark wrote it",
		`{"lifecycle":"x","version":1}\n`:                   "something else than Tidemark wrote it",
		`{"lifecycle":"x","version":1}` + "\n":              `segment "x" is unknown to this release`,
		`{"lifecycle":null,"since":"1","version":1}` + "\n": `"1" in the place of a time`,
	} {
		s := openShop(t)
		s.put("c-42", value, 3)
		_, err := client.New(s.redis, "shop").Get(t.Context(), "c-42")
		require.ErrorContains(t, err, says, value)
		require.ErrorContains(t, err, `reading segments of namespace shop: customer "c-42"`, value)
	}
	for _, c := range []struct{ field, value, says string }{
		{"partitions", "many", "number of shards"}, {"partitions", "0", "number of shards"}, {"clock", "many", "stream time"},
	} {
		s := openShop(t)
		for i := range int32(3) {
			s.mini.HSet(keys.Of("shop", i).Shard(), c.field, c.value)
		}
		_, err := client.New(s.redis, "shop").Get(t.Context(), "c-1")
		require.ErrorContains(t, err, c.says)
	}
}

func TestANamespaceThatIsNotThere(t *testing.T) {
	s := openShop(t)
	_, err := client.New(s.redis, "other").Get(t.Context(), "c-42")
	require.ErrorIs(t, err, client.ErrNoNamespace)

	// It may be there a moment later.
	c := client.New(s.redis, "shop")
	s.mini.FlushAll()
	_, err = c.Get(t.Context(), "c-42")
	require.ErrorIs(t, err, client.ErrNoNamespace)
	s.begin(3)
	_, err = c.Get(t.Context(), "c-42")
	require.NoError(t, err)
}

func TestANamespaceMadeAnewIsNoticed(t *testing.T) {
	for _, partitions := range []int32{1, 2, 7} {
		s := openShop(t)
		c := client.New(s.redis, "shop")
		ids := []string{"c-1", "c-2", "c-3", "c-4", "c-5", "c-6"}
		_, err := c.GetMany(t.Context(), ids)
		require.NoError(t, err)

		s.mini.FlushAll()
		s.begin(partitions)
		for _, id := range ids {
			s.put(id, stored(loyal), partitions)
		}
		for _, id := range ids {
			got, err := c.Get(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, segment.Loyal, got.Segment, "%s of %d", id, partitions)
			shard, err := c.Shard(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, partition.Murmur2.Partition(id, partitions), shard)
		}
		s.mini.FlushAll()
		_, err = c.Get(t.Context(), ids[0])
		require.ErrorIs(t, err, client.ErrNoNamespace)
	}
}

func TestThePartitionerIsThatOfThePolicy(t *testing.T) {
	s := openShop(t)
	p := policy.Default()
	p.Partitioner = "fnv1a"
	s.mini.HSet(keys.Namespace("shop"), "partitions", "5", "document", p.Document())
	s.begin(5)
	require.NoError(t, s.mini.Set(keys.Of("shop", partition.FNV1a.Partition("c-1", 5)).Customer("c-1"), stored(loyal)))
	got, err := client.New(s.redis, "shop", client.Partitioner(partition.CRC32)).Get(t.Context(), "c-1")
	require.NoError(t, err)
	require.Equal(t, segment.Loyal, got.Segment)
	shard, err := client.New(s.redis, "shop").Shard(t.Context(), "c-1")
	require.NoError(t, err)
	require.Equal(t, partition.FNV1a.Partition("c-1", 5), shard)

	for document, says := range map[string]string{"name=\"x\"\n": "names no partitioner", "partitioner=\"xxh3\"\n": `unknown partitioner "xxh3"`} {
		s.mini.HSet(keys.Namespace("shop"), "document", document)
		_, err = client.New(s.redis, "shop").Get(t.Context(), "c-1")
		require.ErrorContains(t, err, says)
	}
}

func TestThePartitionerIsAnOption(t *testing.T) {
	s := openShop(t)
	id := "c-1"
	for partition.CRC32.Partition(id, 3) == partition.Murmur2.Partition(id, 3) {
		id += "1"
	}
	require.NoError(t, s.mini.Set(keys.Of("shop", partition.CRC32.Partition(id, 3)).Customer(id), stored(loyal)))
	got, err := client.New(s.redis, "shop", client.Partitioner(partition.CRC32)).Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, segment.Loyal, got.Segment)
}

func TestTroublesOfRedisAreTold(t *testing.T) {
	s := openShop(t)
	c := client.New(s.redis, "shop")
	_, err := c.Get(t.Context(), "c-1")
	require.NoError(t, err)
	s.mini.SetError("LOADING Redis is loading the dataset in memory")
	_, err = c.Get(t.Context(), "c-1")
	require.ErrorContains(t, err, "reading segments of namespace shop: LOADING")
	s.mini.SetError("")

	over, end := context.WithCancel(t.Context())
	end()
	_, err = c.Get(over, "c-1")
	require.ErrorIs(t, err, context.Canceled)

	shard := keys.Of("shop", partition.Murmur2.Partition("c-1", 3)).Shard()
	s.mini.Del(shard)
	require.NoError(t, s.mini.Set(shard, "no hash"))
	_, err = c.Get(t.Context(), "c-1")
	require.ErrorContains(t, err, "WRONGTYPE")
}

func TestClientsAreShared(t *testing.T) {
	s := openShop(t)
	c := client.New(s.redis, "shop")
	s.put("c-42", stored(loyal), 3)
	errs := make(chan error)
	for range 8 {
		go func() {
			got, err := c.GetMany(t.Context(), slices.Repeat([]string{"c-42"}, 10))
			if err == nil && got[9].Version != 7 {
				err = fmt.Errorf("version %d", got[9].Version)
			}
			errs <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-errs)
	}
}
