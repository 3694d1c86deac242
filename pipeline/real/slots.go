package real

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Slot is the hash slot of a key.
func (c *Cluster) Slot(ctx context.Context, key string) (slot int64, err error) {
	err = c.nodes[0].do(ctx, func(client *redis.Client) error {
		slot, err = client.ClusterKeySlot(ctx, key).Result()
		return err
	})
	return slot, err
}

// Owner is the node that serves a slot, as the first that answers sees it.
func (c *Cluster) Owner(ctx context.Context, slot int64) (*Redis, error) {
	var errs []error
	for _, node := range c.nodes {
		var owner *Redis
		err := node.do(ctx, func(client *redis.Client) error {
			shards, err := client.ClusterShards(ctx).Result()
			for _, shard := range shards {
				if slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End }) {
					owner = c.master(shard.Nodes)
				}
			}
			return err
		})
		if err == nil && owner != nil {
			return owner, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("asking for the owner of slot %d: %w", slot, errors.Join(append(errs, errors.New("no node knows it"))...))
}

// master finds the master among the nodes of a shard.
func (c *Cluster) master(nodes []redis.Node) *Redis {
	for _, node := range nodes {
		at := slices.IndexFunc(c.nodes, func(r *Redis) bool { return int64(r.port) == node.Port })
		if at >= 0 && node.Role == "master" {
			return c.nodes[at]
		}
	}
	return nil
}

// migrated is how many keys are moved by one command, which holds up both nodes.
const migrated = 100

// MoveSlot moves a slot and its keys to another master, as a resharding does,
// while clients go on.
func (c *Cluster) MoveSlot(ctx context.Context, slot int64, to *Redis) error {
	from, err := c.Owner(ctx, slot)
	if err == nil && from == to {
		return nil
	}
	var source, target string
	if err == nil {
		source, err = from.id(ctx)
	}
	if err == nil {
		target, err = to.id(ctx)
	}
	if err == nil {
		err = to.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", source)
	}
	if err == nil {
		err = from.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	}
	if err == nil {
		err = from.migrate(ctx, slot, to)
	}
	if err == nil {
		err = c.assign(ctx, slot, target, to, from)
	}
	if err != nil {
		return fmt.Errorf("moving slot %d: %w", slot, err)
	}
	return nil
}

// migrate moves the keys of a slot. Owners may write new ones until the last has
// gone.
func (r *Redis) migrate(ctx context.Context, slot int64, to *Redis) error {
	return r.do(ctx, func(client *redis.Client) error {
		for {
			keys, err := client.ClusterGetKeysInSlot(ctx, int(slot), migrated).Result()
			if err != nil || len(keys) == 0 {
				return err
			}
			command := []any{"MIGRATE", "127.0.0.1", strconv.Itoa(to.port), "", 0, redisTimeout.Milliseconds(), "KEYS"}
			for _, key := range keys {
				command = append(command, key)
			}
			if err := client.Do(ctx, command...).Err(); err != nil {
				return err
			}
		}
	})
}

// assign tells all masters who has the slot now, first those whom it concerns.
func (c *Cluster) assign(ctx context.Context, slot int64, target string, first ...*Redis) error {
	for _, node := range append(first, c.nodes...) {
		if node.leads(ctx) != nil {
			continue // replicas are told by their masters
		}
		if err := node.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", target); err != nil {
			return err
		}
	}
	return c.told(ctx)
}

// Pair are the master and the replica of the i-th share of the slots, as they
// are now.
func (c *Cluster) Pair(ctx context.Context, i int) (master, replica *Redis, err error) {
	master, replica = c.Master(i), c.Replica(i)
	role, err := master.replication(ctx, "role")
	if err == nil && role != "master" {
		master, replica = replica, master
		err = master.leads(ctx)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("looking for a master of the cluster: %w", err)
	}
	return master, replica, nil
}

// Seize makes a replica the master, whatever it lacks, and returns when the old
// master follows it and all know.
func (c *Cluster) Seize(ctx context.Context, replica, master *Redis) error {
	err := replica.Do(ctx, "CLUSTER", "FAILOVER", "TAKEOVER")
	if err == nil {
		err = Await(ctx, redisTimeout, replica.leads)
	}
	if err == nil {
		err = replica.Relink(ctx)
	}
	if err == nil {
		err = master.linked(ctx)
	}
	if err == nil {
		err = master.written(ctx)
	}
	if err == nil {
		err = Await(ctx, redisTimeout, func(ctx context.Context) error { return c.agreed(ctx, replica) })
	}
	if err != nil {
		return fmt.Errorf("seizing the slots of a master: %w", err)
	}
	return nil
}

// agreed fails while some node takes another for the master.
func (c *Cluster) agreed(ctx context.Context, master *Redis) error {
	for _, node := range c.nodes {
		err := node.do(ctx, func(client *redis.Client) error {
			known, err := client.ClusterNodes(ctx).Result()
			if err != nil {
				return err
			}
			for line := range strings.Lines(known) {
				if strings.Contains(line, master.Addr()+"@") && strings.Contains(line, "master") {
					return nil
				}
			}
			return fmt.Errorf("%s does not know the new master", node.Addr())
		})
		if err != nil {
			return err
		}
	}
	return nil
}
