package local

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestTheRouteOfALine(t *testing.T) {
	router, err := NewRouter(policy.Default())
	require.NoError(t, err)
	const day = int64(policy.Day)
	for line, want := range map[string]struct {
		topic, key string
		time       int64
	}{
		`{"id":"e","type":"purchase","customer_id":"c-7","occurred_at":"1970-01-02T00:00:00Z","amount":1}`:   {Purchases, "c-7", day},
		`{"id":"e","type":"refund","customer_id":"c-7","occurred_at":"1970-01-02T00:00:00Z","order_id":"o"}`: {Purchases, "c-7", day},
		`{"id":"e","type":"forget","customer_id":"c-7","occurred_at":"1970-01-02T00:00:00Z"}`:                {Purchases, "c-7", day},
		`{"id":"e","type":"click","customer_id":"c\u002d7","occurred_at":"1970-01-02T02:00:00.0019+02:00"}`:  {Clicks, "c-7", day + 1},
		`{"id":"e","type":"click","customer_id":"c-7","occurred_at":"9999-12-31T00:00:00Z"}`:                 {Clicks, "c-7", 253402214400000},
	} {
		topic, number, record := router.Route([]byte(line))
		require.Equal(t, want.topic, topic, line)
		require.Equal(t, partition.Murmur2.Partition(want.key, Partitions), number, line)
		require.Equal(t, want.key, string(record.Key), line)
		require.Equal(t, want.time, record.Time, line)
		require.Equal(t, line, string(record.Value))
	}
	for _, line := range []string{
		"", "hello", "null",
		`{"id":"e","type":"click","customer_id":"c-7"}`,
		`{"id":"e","type":"visit","customer_id":"c-7","occurred_at":"1970-01-02T00:00:00Z"}`,
		`{"id":"e","type":"purchase","customer_id":"c-7","occurred_at":"1970-01-02T00:00:00Z"}`,
		`{"id":"e","type":"purchase","customer_id":"c-7","occurred_at":"1970-01-02T00:00:00Z","amount":1,"currency":"USD"}`,
	} {
		topic, number, record := router.Route([]byte(line))
		require.Equal(t, Purchases, topic, line)
		require.Zero(t, number, line)
		require.Nil(t, record.Key, line)
		require.Equal(t, int64(-1), record.Time, line)
	}
}

func TestTheRouteFollowsThePolicy(t *testing.T) {
	p := policy.Default()
	p.Partitioner = "crc32"
	router, err := NewRouter(p)
	require.NoError(t, err)
	for i := range 50 {
		id := fmt.Sprintf("c-%d", i)
		_, number, _ := router.Route([]byte(`{"id":"e","type":"click","customer_id":"` + id + `","occurred_at":"1970-01-02T00:00:00Z"}`))
		require.Equal(t, partition.CRC32.Partition(id, Partitions), number)
	}
	p.BaseCurrency = "none"
	_, err = NewRouter(p)
	require.Error(t, err)
}

func TestFedLinesCanBeReadBackInOrder(t *testing.T) {
	w, err := Start(Options{Namespace: "test", Policy: policy.Default()})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	feed, err := w.Feed(policy.Default())
	require.NoError(t, err)

	// Enough for several batches in partition 0, and a blank line.
	want := []string{""}
	require.NoError(t, feed.Add(t.Context(), nil))
	line := []byte(nil)
	for i := range 30_000 {
		line = fmt.Appendf(line[:0], "line %d", i) // the feed must keep copies
		want = append(want, string(line))
		require.NoError(t, feed.Add(t.Context(), line))
	}
	large := make([]byte, 2<<20)
	want = append(want, string(large))
	require.NoError(t, feed.Add(t.Context(), large))
	require.NoError(t, feed.Add(t.Context(), []byte(`{"id":"e","type":"click","customer_id":"c-7","occurred_at":"1970-01-02T00:00:00Z"}`)))
	require.NoError(t, feed.Flush(t.Context()))
	require.NoError(t, feed.Flush(t.Context()), "nothing is left")

	var got []string
	require.NoError(t, w.Read(t.Context(), Purchases, 0, func(r recordbatch.Record) error {
		require.NotNil(t, r.Value)
		got = append(got, string(r.Value))
		return nil
	}))
	require.Equal(t, len(want), len(got))
	require.True(t, slices.Equal(want, got))

	// The tail sees the other topic, all partitions, and waits where nothing is.
	tail := w.Tail(Clicks)
	clicks := 0
	count := func(recordbatch.Record) error { clicks++; return nil }
	for clicks == 0 {
		_, err = tail.Next(t.Context(), time.Second, count)
		require.NoError(t, err)
	}
	n, err := tail.Next(t.Context(), time.Millisecond, count)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, tail.Rest(t.Context(), count), "nothing is left")
	require.NoError(t, w.Tail(Clicks).Rest(t.Context(), count), "another tail sees it all again")
	require.Equal(t, 2, clicks)
}

func TestCustomersComeByShardAndId(t *testing.T) {
	w, err := Start(Options{Namespace: "a*b", Policy: policy.Default()})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	feed, err := w.Feed(policy.Default())
	require.NoError(t, err)
	const customers = 1500 // more than are loaded at once
	for i := range customers {
		require.NoError(t, feed.Add(t.Context(),
			fmt.Appendf(nil, `{"id":"e-%d","type":"click","customer_id":"c-%d","occurred_at":"2026-01-02T00:00:00Z"}`, i, i)))
	}
	require.NoError(t, feed.Flush(t.Context()))
	p, err := w.Pipeline(w.Replay())
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context()))

	type place struct {
		shard int32
		id    string
	}
	var seen []place
	require.NoError(t, w.Customers(t.Context(), func(shard int32, id string, value []byte) error {
		require.Equal(t, partition.Murmur2.Partition(id, Partitions), shard)
		require.Contains(t, string(value), `{"lifecycle":"potential"`)
		seen = append(seen, place{shard, id})
		return nil
	}))
	require.Len(t, seen, customers)
	require.True(t, slices.IsSortedFunc(seen, func(a, b place) int {
		if a.shard != b.shard {
			return int(a.shard - b.shard)
		}
		if a.id < b.id {
			return -1
		}
		return 1
	}))
	states, err := w.States(t.Context())
	require.NoError(t, err)
	require.Len(t, states, Partitions)

	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	require.ErrorIs(t, w.Customers(interrupted, nil), context.Canceled)
}
