package namespace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/keys"
)

// ErrActive is the cause of an error where a worker works on the namespace.
var ErrActive = errors.New("a worker works on it")

// Watch looks for how long at the shards' heads: one that moves belongs to a
// worker. It fails with ErrActive then. A worker that has nothing to do is not
// noticed.
func (n *Namespace) Watch(ctx context.Context, long time.Duration) error {
	partitions, err := n.Partitions(ctx)
	if err != nil {
		return err
	}
	if partitions == 0 {
		return nil
	}
	before, err := n.heads(ctx, partitions)
	if err != nil {
		return err
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	after, err := n.heads(ctx, partitions)
	if err != nil {
		return err
	}
	for shard, head := range after {
		if before[shard] != head {
			return fmt.Errorf("shard %d was written to within %v: %w", shard, long, ErrActive)
		}
	}
	return nil
}

// heads reads which commit was each shard's last; shards that never ran are left
// out.
func (n *Namespace) heads(ctx context.Context, partitions int32) (map[int32]string, error) {
	pipe := n.redis.Pipeline()
	asked := make([]*redis.SliceCmd, partitions)
	for i := range asked {
		asked[i] = pipe.HMGet(ctx, keys.Of(n.name, int32(i)).Shard(), "head")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("reading the shards' heads: %w", err)
	}
	heads := map[int32]string{}
	for i, reply := range asked {
		if head, ok := reply.Val()[0].(string); ok {
			heads[int32(i)] = head
		}
	}
	return heads, nil
}

// Delete deletes every key and returns how many there were; done is told on the
// way. Nothing but Redis is touched. What tells that there is a namespace goes
// last and is marked before: a Delete that was cut is seen by whoever starts, and
// another one goes on. It fails with ErrActive where a shard has come again
// meanwhile.
func (n *Namespace) Delete(ctx context.Context, done func(deleted int64)) (deleted int64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("deleting namespace %s: %w", n.name, err)
		}
	}()
	partitions, err := n.Partitions(ctx)
	if err != nil {
		return 0, err
	}
	made, err := n.fence(ctx, partitions)
	if err != nil {
		return 0, err
	}
	remove := func(server redis.Cmdable, names ...string) error {
		count, err := unlink(ctx, server, names)
		deleted += count
		done(max(0, deleted-made))
		return err
	}
	var shards []string
	err = n.masters(ctx, func(server *redis.Client) error {
		return scan(ctx, server, keys.All(n.name), func(found []string) error {
			return remove(server, slices.DeleteFunc(found, func(name string) bool {
				kind := n.parse(name).kind
				if kind == Shards {
					shards = append(shards, name)
				}
				return kind == Shards || kind == Itself
			})...)
		})
	})
	if err == nil {
		err = remove(n.redis, shards...)
	}
	if err == nil {
		err = n.gone(ctx, partitions)
	}
	if err == nil {
		err = remove(n.redis, keys.Namespace(n.name))
	}
	return max(0, deleted-made), err
}

// fence marks the namespace and all its shards as deleted: what a worker has
// under way is refused from then on, and nobody takes a shard over. It returns
// how many hashes there were not before.
func (n *Namespace) fence(ctx context.Context, partitions int32) (made int64, err error) {
	if partitions == 0 {
		return 0, nil // leftovers that no worker knows
	}
	pipe := n.redis.Pipeline()
	var there []*redis.IntCmd
	mark := func(name string, fields ...any) {
		there = append(there, pipe.Exists(ctx, name))
		pipe.HSet(ctx, name, append(fields, store.Deleted, 1)...)
	}
	mark(keys.Namespace(n.name), "partitions", partitions)
	for i := range partitions {
		mark(keys.Of(n.name, i).Shard(), "head", store.Deleted)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, fmt.Errorf("fencing the shards: %w", err)
	}
	for _, reply := range there {
		made += 1 - reply.Val()
	}
	return made, nil
}

// gone fails with ErrActive where a shard is there.
func (n *Namespace) gone(ctx context.Context, partitions int32) error {
	heads, err := n.heads(ctx, partitions)
	if err == nil && len(heads) > 0 {
		err = fmt.Errorf("%d shards have come again: %w: stop it, and delete again", len(heads), ErrActive)
	}
	return err
}

// unlink deletes keys; Redis frees their memory beside its work. In a cluster one
// command may name keys of one slot only.
func unlink(ctx context.Context, server redis.Cmdable, names []string) (deleted int64, err error) {
	pipe := server.Pipeline()
	for _, name := range names {
		pipe.Unlink(ctx, name)
	}
	replies, err := pipe.Exec(ctx)
	if err != nil {
		return 0, err
	}
	for _, reply := range replies {
		deleted += reply.(*redis.IntCmd).Val()
	}
	return deleted, nil
}
