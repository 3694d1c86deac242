package namespace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const customers = 5000

// server is a Redis with two namespaces, one of whose names begins with the
// other's, and both of which patterns could misunderstand.
func server(t *testing.T) (*miniredis.Miniredis, *redis.Client) {
	mini := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: mini.Addr(), DisableIdentity: true})
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	mini.HSet(keys.Namespace("shop"), "policy", policy.Default().Version(), "document", policy.Default().Document(), "partitions", "3")
	for i := range int32(2) { // the third has had no event
		k := keys.Of("shop", i)
		mini.HSet(k.Shard(), "head", "x:1", "partitions", "3", "policy", "p", "clock", fmt.Sprint(1000*int64(i)), "size:loyal", "2", "size:edge", "7")
		_, err := mini.ZAdd(k.Timers(), 1, "a")
		require.NoError(t, err)
		require.NoError(t, mini.Set(k.Outbox(), "12345"))
	}
	for i := range customers {
		require.NoError(t, mini.Set(keys.Of("shop", int32(i%2)).Customer(fmt.Sprintf("c:{%d}", i)), "value"))
	}
	require.NoError(t, mini.Set("tm:shop:{1}:later", "of a later release"))
	require.NoError(t, mini.Set(keys.Of("shop2", 0).Customer("a"), "another's"))
	require.NoError(t, mini.Set(keys.Of("sho", 0).Customer("a"), "another's"))
	return mini, r
}

func TestCustomersOfOneNamespace(t *testing.T) {
	_, r := server(t)
	var ids []string
	require.NoError(t, Open(r, "shop").Customers(t.Context(), func(some []string) error {
		ids = append(ids, some...)
		return nil
	}))
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), customers)
	require.Contains(t, ids, "c:{7}")
}

func TestCustomersOfOneShard(t *testing.T) {
	_, r := server(t)
	ids, err := Open(r, "shop").Shard(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, ids, customers/2)
	require.True(t, slices.IsSorted(ids))
	require.Contains(t, ids, "c:{7}")
	none, err := Open(r, "shop").Shard(t.Context(), 2)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestANameIsNoPattern(t *testing.T) {
	_, r := server(t)
	for _, name := range []string{"sh*", "sho?", "sho[p]", `shop\`} {
		require.NoError(t, Open(r, name).Customers(t.Context(), func(ids []string) error {
			return fmt.Errorf("%s finds %d customers of others", name, len(ids))
		}))
	}
}

func TestInspect(t *testing.T) {
	mini, r := server(t)
	last := keys.Of("shop", 2) // its timers were armed, and its hash is lost
	_, err := mini.ZAdd(last.Timers(), 1, "b")
	require.NoError(t, err)
	require.NoError(t, mini.Set(last.Outbox(), "123"))
	told := int64(0)
	report, err := Open(r, "shop").Inspect(t.Context(), func(keys int64) { told = keys })
	require.NoError(t, err)
	require.Equal(t, int64(customers+10), told)
	require.Equal(t, policy.Default().Version(), report.Policy)
	require.Contains(t, report.Document, `partitioner="murmur2"`)
	require.Equal(t, int32(3), report.Partitions)
	require.Equal(t, 2, report.Shards)
	require.Equal(t, "1970-01-01T00:00:00.000Z", *report.Earliest)
	require.Equal(t, "1970-01-01T00:00:01.000Z", *report.Latest)
	require.Equal(t, map[string]int64{"loyal": 4, "potential": 0, "edge": 14, "churned": 0}, report.Segments)
	require.Equal(t, int64(3), report.Timers)
	require.Equal(t, int64(13), report.Outbox)
	require.Equal(t, int64(customers), report.Customers)
	require.True(t, report.Measured)
	require.Positive(t, report.PerCustomer)

	byKind := map[Kind]Keys{}
	for _, k := range report.Keys {
		byKind[k.Kind] = k
	}
	require.Equal(t, int64(samples), byKind[Customers].Sampled, "some are enough")
	one, err := r.MemoryUsage(t.Context(), keys.Of("shop", 0).Customer("c:{0}")).Result()
	require.NoError(t, err)
	require.InEpsilon(t, customers*one, byKind[Customers].Bytes, 0.1, "of all, not of the sample")
	for kind, n := range map[Kind]int64{Customers: customers, Timers: 3, Outboxes: 3, Shards: 2, Itself: 1, Unknown: 1} {
		require.Equal(t, n, byKind[kind].Keys, kind)
		require.Positive(t, byKind[kind].Bytes, kind)
	}
}

func TestInspectWhatIsNotThere(t *testing.T) {
	mini, r := server(t)
	report, err := Open(r, "none").Inspect(t.Context(), func(int64) {})
	require.NoError(t, err)
	require.Zero(t, report.Partitions)
	require.Empty(t, report.Keys)
	require.Nil(t, report.Latest)

	mini.SetError("LOADING")
	_, err = Open(r, "shop").Inspect(t.Context(), func(int64) {})
	require.ErrorContains(t, err, "inspecting namespace shop")
	mini.SetError("")
	mini.HSet(keys.Namespace("shop"), "partitions", "many")
	_, err = Open(r, "shop").Inspect(t.Context(), func(int64) {})
	require.ErrorContains(t, err, "something else than Tidemark wrote it")
}

func TestDelete(t *testing.T) {
	mini, r := server(t)
	n := Open(r, "shop")
	var told []int64
	deleted, err := n.Delete(t.Context(), func(d int64) { told = append(told, d) })
	require.NoError(t, err)
	require.Equal(t, int64(customers+8), deleted)
	require.Equal(t, deleted, told[len(told)-1])
	require.Equal(t, []string{keys.Of("sho", 0).Customer("a"), keys.Of("shop2", 0).Customer("a")}, mini.Keys())
	partitions, err := n.Partitions(t.Context())
	require.NoError(t, err)
	require.Zero(t, partitions)

	deleted, err = n.Delete(t.Context(), func(int64) {})
	require.NoError(t, err)
	require.Zero(t, deleted)
}

// cut deletes until something was deleted.
func cut(t *testing.T, n *Namespace) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	_, err := n.Delete(ctx, func(deleted int64) {
		if deleted > 0 {
			interrupt()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
}

func TestADeleteThatWasCutIsSeenAndFinished(t *testing.T) {
	mini, r := server(t)
	n := Open(r, "shop")
	cut(t, n)
	for _, hash := range []string{keys.Namespace("shop"), keys.Of("shop", 0).Shard(), keys.Of("shop", 1).Shard(), keys.Of("shop", 2).Shard()} {
		require.Equal(t, "1", mini.HGet(hash, store.Deleted), hash)
	}
	require.Len(t, mini.Keys(), 2+4, "customers went first")
	require.NoError(t, mini.Set(keys.Of("shop", 1).Customer("a"), "not reached"))
	s := store.Open(store.Config{Addrs: []string{mini.Addr()}, Namespace: "shop"})
	defer func() { require.NoError(t, s.Close()) }()
	_, err := s.Namespace(t.Context())
	require.ErrorIs(t, err, store.ErrDeleted)
	_, err = s.Claim(t.Context(), store.Namespace{Policy: "p", Partitions: 3})
	require.ErrorIs(t, err, store.ErrDeleted)
	for shard := range int32(3) { // the third had not begun, and does not now
		_, err = s.Stored(t.Context(), shard)
		require.ErrorIs(t, err, store.ErrDeleted)
		session, err := s.Session(t.Context(), shard)
		require.NoError(t, err)
		require.ErrorIs(t, session.Commit(t.Context(), &store.Commit{Head: "x:1", State: &store.State{Head: "x:2"}}), store.ErrFenced)
		require.NoError(t, session.Close())
	}

	deleted, err := n.Delete(t.Context(), func(int64) {})
	require.NoError(t, err)
	require.EqualValues(t, 1+4, deleted)
	require.Len(t, mini.Keys(), 2, "those of others")
}

func TestLeftovers(t *testing.T) {
	mini, r := server(t)
	n := Open(r, "shop")
	require.NoError(t, n.Leftovers(t.Context()), "the namespace is there")
	require.NoError(t, Open(r, "none").Leftovers(t.Context()))
	for _, name := range []string{keys.Namespace("shop"), keys.Of("shop", 0).Shard(), keys.Of("shop", 1).Shard()} {
		mini.Del(name)
	}
	err := n.Leftovers(t.Context())
	require.ErrorIs(t, err, ErrLeftovers)
	require.ErrorContains(t, err, `"tm:shop:{`)
	deleted, err := n.Delete(t.Context(), func(int64) {})
	require.NoError(t, err, "nothing tells how many shards there were")
	require.EqualValues(t, customers+5, deleted)
	require.NoError(t, n.Leftovers(t.Context()))
	require.Len(t, mini.Keys(), 2, "those of others")
	mini.SetError("LOADING")
	require.ErrorContains(t, n.Leftovers(t.Context()), "looking for leftovers at "+mini.Addr())
}

func TestAShardThatComesAgainIsNoticed(t *testing.T) {
	mini, r := server(t)
	_, err := Open(r, "shop").Delete(t.Context(), func(int64) {
		mini.HSet(keys.Of("shop", 1).Shard(), "head", "y:1")
	})
	require.ErrorIs(t, err, ErrActive)
	require.ErrorContains(t, err, "1 shards have come again")
	require.Equal(t, "1", mini.HGet(keys.Namespace("shop"), store.Deleted), "no worker starts meanwhile")
}

func TestAWorkerIsNoticed(t *testing.T) {
	mini, r := server(t)
	n := Open(r, "shop")
	require.NoError(t, n.Watch(t.Context(), time.Millisecond))

	r.AddHook(&hook{after: func() { mini.HSet(keys.Of("shop", 1).Shard(), "head", "x:2") }})
	err := n.Watch(t.Context(), time.Millisecond)
	require.ErrorIs(t, err, ErrActive)
	require.ErrorContains(t, err, "shard 1 was written to")

	over, end := context.WithCancel(t.Context())
	end()
	_, err = n.heads(over, 3)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, n.Watch(over, time.Hour), context.Canceled)
}

// hook stands between a client and its Redis.
type hook struct {
	scan     func(cmd *redis.ScanCmd) (answered bool)
	pipeline func(all []redis.Cmder) error
	after    func()
}

func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if scan, ok := cmd.(*redis.ScanCmd); ok && h.scan != nil && h.scan(scan) {
			return nil
		}
		return next(ctx, cmd)
	}
}

func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, all []redis.Cmder) error {
		if h.pipeline != nil {
			if err := h.pipeline(all); err != nil {
				return err
			}
		}
		err := next(ctx, all)
		if h.after != nil {
			h.after()
		}
		return err
	}
}

// Redis answers with no key at all where those it looked at are others', and with
// a cursor: that is no end.
func TestAnAnswerWithoutKeysIsNotTheLast(t *testing.T) {
	mini, r := server(t)
	const further = 77
	r.AddHook(&hook{scan: func(cmd *redis.ScanCmd) bool {
		switch cmd.Args()[1] {
		case uint64(0):
			cmd.SetVal(nil, further)
			return true
		case uint64(further):
			cmd.Args()[1] = uint64(0)
		}
		return false
	}})
	seen := 0
	require.NoError(t, Open(r, "shop2").Customers(t.Context(), func(ids []string) error {
		seen += len(ids)
		return nil
	}))
	require.Equal(t, 1, seen)
	require.ErrorIs(t, Open(r, "shop2").Leftovers(t.Context()), ErrLeftovers)
	deleted, err := Open(r, "shop2").Delete(t.Context(), func(int64) {})
	require.NoError(t, err)
	require.EqualValues(t, 1, deleted)
	require.NotContains(t, mini.Keys(), keys.Of("shop2", 0).Customer("a"))
}

func TestAShardThatBeginsIsNoticed(t *testing.T) {
	mini, r := server(t)
	r.AddHook(&hook{after: func() { mini.HSet(keys.Of("shop", 2).Shard(), "head", "x:1") }})
	err := Open(r, "shop").Watch(t.Context(), time.Millisecond)
	require.ErrorIs(t, err, ErrActive)
	require.ErrorContains(t, err, "shard 2 was written to")
}

// What Redis would not delete is not told as deleted, and the namespace stays
// marked.
func TestADeleteThatFailsIsNoSuccess(t *testing.T) {
	mini, r := server(t)
	away := errors.New("away")
	r.AddHook(&hook{pipeline: func(all []redis.Cmder) error {
		if all[0].Name() == "unlink" {
			return away
		}
		return nil
	}})
	deleted, err := Open(r, "shop").Delete(t.Context(), func(int64) {})
	require.ErrorIs(t, err, away)
	require.ErrorContains(t, err, "deleting namespace shop")
	require.Zero(t, deleted)
	require.Equal(t, "1", mini.HGet(keys.Namespace("shop"), store.Deleted))
}
