package namespace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

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
// way. Nothing but Redis is touched. It fails with ErrActive where a shard has
// come again meanwhile.
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
	// First the heads: what a worker has under way is refused from then on.
	if deleted, err = n.deleteHeads(ctx, partitions); err != nil {
		return deleted, err
	}
	err = n.masters(ctx, func(server *redis.Client) error {
		return scan(ctx, server, keys.All(n.name), func(found []string) error {
			count, err := unlink(ctx, server, found)
			deleted += count
			done(deleted)
			return err
		})
	})
	if err != nil {
		return deleted, err
	}
	heads, err := n.heads(ctx, partitions)
	if err == nil && len(heads) > 0 {
		err = fmt.Errorf("%d shards have come again: %w: stop it, and delete again", len(heads), ErrActive)
	}
	return deleted, err
}

func (n *Namespace) deleteHeads(ctx context.Context, partitions int32) (deleted int64, err error) {
	names := []string{keys.Namespace(n.name)}
	for i := range partitions {
		names = append(names, keys.Of(n.name, i).Shard())
	}
	return unlink(ctx, n.redis, names)
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
