// Package namespace looks at the whole of a namespace in Redis: lists its
// customers, says what is stored, deletes it. In a cluster it goes over every
// master.
package namespace

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/keys"
)

// Namespace is what Redis keeps under one name.
type Namespace struct {
	redis redis.UniversalClient
	name  string
}

// Open looks at a namespace through a client of Redis, which stays the caller's.
func Open(redis redis.UniversalClient, name string) *Namespace {
	return &Namespace{redis: redis, name: name}
}

// Partitions is how many shards the namespace was made with, 0 where nothing is
// stored that says so.
func (n *Namespace) Partitions(ctx context.Context) (int32, error) {
	for _, name := range []string{keys.Namespace(n.name), keys.Of(n.name, 0).Shard()} {
		stored, err := n.redis.HMGet(ctx, name, "partitions").Result()
		if err != nil {
			return 0, fmt.Errorf("reading the number of shards: %w", err)
		}
		text, _ := stored[0].(string)
		if text == "" {
			continue
		}
		count, err := strconv.ParseInt(text, 10, 32)
		if err != nil || count < 1 {
			return 0, fmt.Errorf("reading the number of shards: key %s says %q: something else than Tidemark wrote it", name, text)
		}
		return int32(count), nil
	}
	return 0, nil
}

// masters visits every server that keeps a part of the keys, one after the
// other: what it does should not burden all of them at once.
func (n *Namespace) masters(ctx context.Context, visit func(*redis.Client) error) error {
	switch c := n.redis.(type) {
	case *redis.Client:
		return visit(c)
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, oneByOne(visit))
	}
	return fmt.Errorf("unexpected client %T", n.redis)
}

// oneByOne makes a visit that ForEachMaster may begin on all masters at once wait
// for its turn.
func oneByOne(visit func(*redis.Client) error) func(context.Context, *redis.Client) error {
	turn := make(chan struct{}, 1)
	return func(ctx context.Context, c *redis.Client) error {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-turn }()
		return visit(c)
	}
}

// scanCount is how many keys Redis looks at in one go: it serves others
// meanwhile.
const scanCount = 2000

// scan visits all keys of one server that begin with the prefix, some at a time.
// A key may come twice where Redis grows its table meanwhile.
func scan(ctx context.Context, server *redis.Client, prefix string, visit func(found []string) error) error {
	for cursor := uint64(0); ; {
		found, next, err := server.Scan(ctx, cursor, literal(prefix)+"*", scanCount).Result()
		if err != nil {
			return fmt.Errorf("listing keys at %s: %w", server.Options().Addr, err)
		}
		if len(found) > 0 {
			if err := visit(found); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// literal takes what patterns mean by some characters from them.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace

// Customers visits the ids of all customers, some at a time, on server after
// server. One may come twice where Redis grows its table meanwhile.
func (n *Namespace) Customers(ctx context.Context, visit func(ids []string) error) error {
	return n.masters(ctx, func(server *redis.Client) error {
		var ids []string
		return scan(ctx, server, keys.All(n.name), func(found []string) error {
			ids = ids[:0]
			for _, name := range found {
				if key := n.parse(name); key.kind == Customers {
					ids = append(ids, key.customer)
				}
			}
			if len(ids) == 0 {
				return nil
			}
			return visit(ids)
		})
	})
}

// Shard returns the ids of a shard's customers, in order and each once: those of
// one shard have to fit into memory.
func (n *Namespace) Shard(ctx context.Context, shard int32) (ids []string, err error) {
	k := keys.Of(n.name, shard)
	server, err := n.master(ctx, k.Shard())
	if err != nil {
		return nil, fmt.Errorf("finding the Redis node of shard %d: %w", shard, err)
	}
	err = scan(ctx, server, k.CustomerPrefix(), func(found []string) error {
		for _, name := range found {
			ids = append(ids, strings.TrimPrefix(name, k.CustomerPrefix()))
		}
		return nil
	})
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// master is the server that keeps a key.
func (n *Namespace) master(ctx context.Context, key string) (*redis.Client, error) {
	switch c := n.redis.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, key)
	}
	return nil, fmt.Errorf("unexpected client %T", n.redis)
}

// Kind is what a key holds.
type Kind string

// The kinds of keys, by the names that are printed.
const (
	Customers Kind = "customers"
	Timers    Kind = "timers"
	Outboxes  Kind = "outboxes"
	Shards    Kind = "shards"
	Itself    Kind = "namespace"
	Unknown   Kind = "unknown" // nothing that this release writes
)

// Kinds are all of them, the most bytes first as a rule.
var Kinds = [...]Kind{Customers, Timers, Outboxes, Shards, Itself, Unknown}

// key is the name of a key, taken apart.
type key struct {
	kind     Kind
	shard    int32
	customer string
}

func (n *Namespace) parse(name string) key {
	if name == keys.Namespace(n.name) {
		return key{kind: Itself}
	}
	tag, _, _ := strings.Cut(strings.TrimPrefix(name, keys.All(n.name)+"{"), "}")
	shard, err := strconv.ParseInt(tag, 10, 32)
	if err != nil {
		return key{kind: Unknown}
	}
	k := keys.Of(n.name, int32(shard))
	switch id, ours := strings.CutPrefix(name, k.CustomerPrefix()); {
	case ours:
		return key{Customers, int32(shard), id}
	case name == k.Timers():
		return key{kind: Timers, shard: int32(shard)}
	case name == k.Outbox():
		return key{kind: Outboxes, shard: int32(shard)}
	case name == k.Shard():
		return key{kind: Shards, shard: int32(shard)}
	}
	return key{kind: Unknown}
}
