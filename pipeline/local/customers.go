package local

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/keys"
)

// scanCount is how many keys Redis looks at in one go. It is nobody else's
// Redis, so it may take its time; miniredis sorts all keys for each go.
const scanCount = 10_000_000

// loadCount is how many customers are loaded at once.
const loadCount = 1000

// Customers visits the stored value of every customer, by shard and then by
// the bytes of the id.
func (w *World) Customers(ctx context.Context, visit func(shard int32, id string, value []byte) error) error {
	client := redis.NewClient(&redis.Options{Addr: w.servers.RedisAddr(), DisableIdentity: true})
	defer func() { _ = client.Close() }() // what it would say was said by its commands
	shards, err := w.scan(ctx, client)
	if err != nil {
		return fmt.Errorf("listing the customers: %w", err)
	}
	for shard, ids := range shards {
		slices.Sort(ids)
		for some := range slices.Chunk(ids, loadCount) {
			if err := w.load(ctx, int32(shard), some, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// scan lists the ids of each shard's customers.
func (w *World) scan(ctx context.Context, client *redis.Client) ([][]string, error) {
	shards := make([][]string, Partitions)
	prefixes := make([]string, Partitions)
	for shard := range prefixes {
		prefixes[shard] = keys.Of(w.options.Namespace, int32(shard)).CustomerPrefix()
	}
	for cursor := uint64(0); ; {
		keys, next, err := client.Scan(ctx, cursor, "", scanCount).Result()
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			for shard, prefix := range prefixes {
				if id, ours := strings.CutPrefix(key, prefix); ours {
					shards[shard] = append(shards[shard], id)
				}
			}
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	for shard := range shards {
		slices.Sort(shards[shard])
		shards[shard] = slices.Compact(shards[shard]) // a scan may repeat a key
	}
	return shards, nil
}

func (w *World) load(ctx context.Context, shard int32, ids []string, visit func(int32, string, []byte) error) error {
	session, err := w.connection.Redis.Session(ctx, shard)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	values, err := session.Load(ctx, ids)
	if err != nil {
		return err
	}
	for i, value := range values {
		if err := visit(shard, ids[i], value); err != nil {
			return err
		}
	}
	return nil
}
