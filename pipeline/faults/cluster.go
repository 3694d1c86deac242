package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pkg/keys"
)

func init() {
	matrix = append(matrix,
		row{name: "cluster", fault: "Redis Cluster: a node's data rolled back; a replica promoted with its tail missing; a shard's slot moved", full: 10, reduced: 1,
			servers: clustered, apply: shakeCluster})
}

const masters = 3

// clustered is a Redis Cluster of six. A node is away for longer than a restart
// takes before the others replace it: what it lost is to be lost.
func clustered(_ context.Context, f *field) (err error) {
	f.cluster, err = real.StartCluster(masters, 1, "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0",
		"--cluster-node-timeout", "60000")
	if err != nil {
		return err
	}
	f.later(f.cluster.Close)
	f.service.Redis.Addrs = f.cluster.Addrs()
	return nil
}

// shakeCluster does to one node what others must not notice.
func shakeCluster(ctx context.Context, f *field) error {
	for range f.dose {
		for _, harm := range []func(context.Context, *field, *real.Redis, *real.Redis) (time.Time, error){cutNode, promoteNode} {
			f.runs++
			if err := f.harm(ctx, harm); err != nil {
				return err
			}
		}
		f.runs++
		if err := moveShard(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// harm takes something from a node that has shards: only those may rewind.
func (f *field) harm(ctx context.Context, how func(ctx context.Context, f *field, master, replica *real.Redis) (time.Time, error)) error {
	master, replica, may, err := f.node(ctx)
	if err != nil {
		return err
	}
	before, err := f.rewinds()
	if err != nil {
		return err
	}
	at, err := how(ctx, f, master, replica)
	if err != nil {
		return err
	}
	if err := f.recovers(ctx, at); err != nil {
		return err
	}
	return f.noticed(before, at, may)
}

// node is a master of the cluster that has shards, and its replica.
func (f *field) node(ctx context.Context) (master, replica *real.Redis, held []int, err error) {
	owners, err := f.owners(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, i := range f.chance.Perm(masters) {
		master, replica, err = f.cluster.Pair(ctx, i)
		if err != nil {
			return nil, nil, nil, err
		}
		for shard, owner := range owners {
			if owner == master {
				held = append(held, shard)
			}
		}
		if held != nil {
			return master, replica, held, nil
		}
	}
	return nil, nil, nil, errors.New("no master has a shard")
}

// owners are the masters that hold the shards.
func (f *field) owners(ctx context.Context) ([]*real.Redis, error) {
	owners := make([]*real.Redis, shards)
	for shard := range owners {
		slot, err := f.cluster.Slot(ctx, keys.Of(f.service.Name, int32(shard)).Shard())
		if err == nil {
			owners[shard], err = f.cluster.Owner(ctx, slot)
		}
		if err != nil {
			return nil, err
		}
	}
	return owners, nil
}

// cutNode cuts the append-only file of a master.
func cutNode(ctx context.Context, f *field, master, _ *real.Redis) (time.Time, error) {
	mark, err := master.AppendMark()
	if err == nil {
		err = f.outgrow(ctx)
	}
	at := time.Now()
	if err == nil {
		_, err = master.CutAppend(mark)
	}
	return at, err
}

// promoteNode lets a replica fall behind, and seize its master's slots.
func promoteNode(ctx context.Context, f *field, master, replica *real.Redis) (time.Time, error) {
	err := replica.Unlink(ctx)
	if err == nil {
		err = f.outgrow(ctx)
	}
	at := time.Now()
	if err == nil {
		err = f.cluster.Seize(ctx, replica, master)
	}
	return at, err
}

// moveShard moves a shard to another master, which loses nothing.
func moveShard(ctx context.Context, f *field) error {
	owners, err := f.owners(ctx)
	if err != nil {
		return err
	}
	shard := f.chance.IntN(shards)
	to := owners[shard]
	for to == owners[shard] {
		if to, _, err = f.cluster.Pair(ctx, f.chance.IntN(masters)); err != nil {
			return err
		}
	}
	slot, err := f.cluster.Slot(ctx, keys.Of(f.service.Name, int32(shard)).Shard())
	if err != nil {
		return err
	}
	before, err := f.rewinds()
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := f.cluster.MoveSlot(ctx, slot, to); err != nil {
		return err
	}
	if err := f.recovers(ctx, begun); err != nil {
		return err
	}
	after, err := f.rewinds()
	if rewound := after.since(before); err == nil && rewound != nil {
		err = fmt.Errorf("shards %v rewound where shard %d was moved", rewound, shard)
	}
	return err
}
