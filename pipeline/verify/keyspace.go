package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/keys"
)

// keyspace reads what a namespace has in Redis.
type keyspace struct {
	store     *store.Redis
	client    redis.UniversalClient
	namespace string
}

const retries = 3 // of a read: nothing is written that could be written twice

func openKeyspace(ctx context.Context, config store.Config, namespace string) (*keyspace, error) {
	config.Namespace, config.Retries = namespace, retries
	s := store.Open(config)
	client, err := s.Client(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &keyspace{store: s, client: client, namespace: namespace}, nil
}

func (k *keyspace) close() error { return k.store.Close() }

// partitions is how many shards the namespace was made for, 0 where none of those
// that there can be says so: only a shard with an event does.
func (k *keyspace) partitions(ctx context.Context, most int32) (int32, error) {
	for shard := range most {
		stored, err := k.client.HGet(ctx, keys.Of(k.namespace, shard).Shard(), "partitions").Result()
		switch {
		case errors.Is(err, redis.Nil):
			continue
		case err != nil:
			return 0, fmt.Errorf("reading the partition count of shard %d: %w", shard, err)
		}
		n, err := strconv.ParseInt(stored, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("reading the partition count of shard %d: %w", shard, err)
		}
		return int32(n), nil
	}
	return 0, nil
}

// hash reads the shard's hash.
func (k *keyspace) hash(ctx context.Context, shard int32) (map[string]string, error) {
	fields, err := k.client.HGetAll(ctx, keys.Of(k.namespace, shard).Shard()).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the hash of shard %d: %w", shard, err)
	}
	return fields, nil
}

// head reads which commit was the shard's last.
func (k *keyspace) head(ctx context.Context, shard int32) (string, error) {
	head, err := k.client.HGet(ctx, keys.Of(k.namespace, shard).Shard(), "head").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("reading the head of shard %d: %w", shard, err)
	}
	return head, nil
}

// outbox reads the changes that Kafka has not acknowledged.
func (k *keyspace) outbox(ctx context.Context, shard int32) ([]byte, error) {
	raw, err := k.client.Get(ctx, keys.Of(k.namespace, shard).Outbox()).Bytes()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("reading the outbox of shard %d: %w", shard, err)
	}
	return raw, nil
}

// timers counts the armed deadlines.
func (k *keyspace) timers(ctx context.Context, shard int32) (int64, error) {
	n, err := k.client.ZCard(ctx, keys.Of(k.namespace, shard).Timers()).Result()
	if err != nil {
		return 0, fmt.Errorf("counting the timers of shard %d: %w", shard, err)
	}
	return n, nil
}

// How many keys a scan looks at in one go, and how many customers are loaded at
// once: Redis serves others meanwhile.
const (
	scanCount = 5000
	loadCount = 1000
)

// found is one customer's value and timer.
type found struct {
	id    string
	value []byte
	timer int64 // none: there is none
}

// customers visits the customers of a shard that keep lets pass. A scan may
// visit one twice.
func (k *keyspace) customers(ctx context.Context, shard int32, keep func(id string) bool, visit func(*found)) error {
	in := keys.Of(k.namespace, shard)
	node, err := k.store.Node(ctx, shard)
	if err != nil {
		return err
	}
	prefix := in.CustomerPrefix()
	var ids []string
	for cursor := uint64(0); ; {
		names, next, err := node.Scan(ctx, cursor, prefix+"*", scanCount).Result()
		if err != nil {
			return fmt.Errorf("listing the customers of shard %d: %w", shard, err)
		}
		for _, name := range names {
			if id, ours := strings.CutPrefix(name, prefix); ours && keep(id) {
				ids = append(ids, id)
			}
		}
		if cursor = next; len(ids) >= loadCount || cursor == 0 {
			if err := k.load(ctx, node, in, ids, visit); err != nil {
				return fmt.Errorf("loading customers of shard %d: %w", shard, err)
			}
			ids = ids[:0]
		}
		if cursor == 0 {
			return nil
		}
	}
}

// load reads values and timers of a few customers.
func (k *keyspace) load(ctx context.Context, node *redis.Client, in keys.Keys, ids []string, visit func(*found)) error {
	if len(ids) == 0 {
		return nil
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = in.Customer(id)
	}
	pipe := node.Pipeline()
	values := pipe.MGet(ctx, names...)
	timers := make([]*redis.FloatCmd, len(ids))
	for i, id := range ids {
		timers[i] = pipe.ZScore(ctx, in.Timers(), id)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for i, id := range ids {
		f := found{id: id, timer: none}
		if text, ok := values.Val()[i].(string); ok {
			f.value = []byte(text)
		}
		score, err := timers[i].Result()
		switch {
		case err == nil:
			f.timer = int64(score)
		case !errors.Is(err, redis.Nil):
			return err
		}
		visit(&f)
	}
	return nil
}
