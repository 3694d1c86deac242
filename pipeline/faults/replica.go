package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

func init() {
	durability := func(what string) func(*service.Options) {
		return func(o *service.Options) { o.Redis.Durability = what }
	}
	matrix = append(matrix,
		row{name: "replica-tail", fault: "a replica promoted with its tail missing", full: 10, reduced: 2,
			servers: paired, apply: promoteLagging},
		row{name: "durability-replicas", fault: "the same with redis.durability replicas:1: nothing published is lost", full: 10, reduced: 1,
			configure: durability("replicas:1"), servers: paired, apply: promoteWaited},
		row{name: "durability-fsync", fault: "Redis 8.2 loses what it had not synced, with redis.durability fsync: nothing published is lost", full: 10, reduced: 1,
			configure: durability("fsync"), servers: newer, apply: loseUnsynced},
		row{name: "two-sides", fault: "fail-over to a replica and back again, owners of both sides alive", full: 10, reduced: 2,
			servers: sided, apply: takeSides},
	)
}

// paired is a Redis with a replica, behind the one address that all know.
func paired(ctx context.Context, f *field) error {
	if err := f.pair(ctx); err != nil {
		return err
	}
	return f.standBefore(f.redis)
}

// pair starts a master and its replica.
func (f *field) pair(ctx context.Context) (err error) {
	if f.redis, err = f.startRedis(); err != nil {
		return err
	}
	if f.replica, err = f.startRedis(); err != nil {
		return err
	}
	return f.replica.Follow(ctx, f.redis)
}

// promote lets the replica fall behind while time goes by, and makes it the master
// when that one dies, which comes back as its replica.
func (f *field) promote(ctx context.Context, while func(context.Context) error) (died time.Time, err error) {
	if err := f.replica.Unlink(ctx); err != nil {
		return died, err
	}
	if err := while(ctx); err != nil {
		return died, err
	}
	died = time.Now()
	f.redis.Kill()
	if err := errors.Join(f.replica.Lead(ctx), f.replica.Relink(ctx)); err != nil {
		return died, err
	}
	f.proxy.Retarget(f.replica.Addr())
	f.proxy.Sever()
	if err := f.redis.Restart(); err != nil {
		return died, err
	}
	f.redis, f.replica = f.replica, f.redis
	return died, f.replica.Follow(ctx, f.redis)
}

func promoteLagging(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		before, err := f.rewinds()
		if err != nil {
			return err
		}
		died, err := f.promote(ctx, f.outgrow)
		if err == nil {
			err = f.recovers(ctx, died)
		}
		if err == nil {
			err = f.noticed(before, died, every())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// promoteWaited is the same where nothing is told that the replica lacks.
func promoteWaited(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		died, err := f.promote(ctx, func(ctx context.Context) error { return f.pause(ctx, f.lag()) })
		if err == nil {
			err = f.recovers(ctx, died)
		}
		if err == nil {
			err = f.kept(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kept fails where Redis had lost what was published: customers were adopted from
// the changes topic.
func (f *field) kept(ctx context.Context) error {
	states, err := f.service.States(ctx)
	if err != nil {
		return err
	}
	for shard := range states {
		if n := states[shard].Adopted; n > 0 {
			return fmt.Errorf("shard %d lost what was published of %d customers", shard, n)
		}
	}
	return nil
}

// newer is a Redis that can be asked whether its disk has a commit.
func newer(_ context.Context, f *field) error {
	redis, err := real.StartNewerRedis("--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
	if err == nil {
		f.later(redis.Close)
		f.serve(redis, redis.Addr())
	}
	return err
}

// unasked is more than a worker waits for the disk before it takes its shard over,
// and writes again.
const unasked = 6 * time.Second

// loseUnsynced crashes a machine: what its disk was not asked to keep is gone.
func loseUnsynced(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		// From here on the disk is not asked any more, so it has no more than the mark.
		if err := f.redis.Do(ctx, "CONFIG", "SET", "appendfsync", "no"); err != nil {
			return err
		}
		mark, err := f.redis.AppendMark()
		if err == nil {
			err = f.pause(ctx, unasked+f.lag())
		}
		if err != nil {
			return err
		}
		crashed := time.Now()
		lost, err := f.redis.CutAppend(mark)
		if err == nil && lost == 0 {
			err = errors.New("there was nothing to lose")
		}
		if err == nil {
			err = f.recovers(ctx, crashed)
		}
		if err == nil {
			err = f.kept(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sided is a Redis with a replica, to which each worker has a way of its own.
func sided(ctx context.Context, f *field) error {
	if err := f.pair(ctx); err != nil {
		return err
	}
	if err := f.standBefore(f.redis); err != nil {
		return err
	}
	return f.layRoutes(f.redis.Addr())
}

// layRoutes gives each worker a proxy of its own before Redis.
func (f *field) layRoutes(redis string) error {
	for range fleet {
		p, err := real.StartProxy(redis)
		if err != nil {
			return err
		}
		f.later(p.Close)
		f.routes = append(f.routes, p)
	}
	f.service.Own = func(worker int) (kafka, redis []string) {
		return nil, []string{f.routes[(worker-1)%fleet].Addr()}
	}
	return nil
}

// takeSides fails over while owners are alive on both sides. One worker works
// with the new master, the others with the old one; he is stopped until they
// have his shards, and goes on.
func takeSides(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		alone := f.chance.IntN(fleet)
		if err := f.part(ctx, alone); err != nil {
			return err
		}
		w := f.worker(alone)
		w.Signal(syscall.SIGSTOP)
		err := f.pause(ctx, session+2*time.Second)
		w.Signal(syscall.SIGCONT)
		if err == nil {
			err = f.pause(ctx, f.upTo(2*time.Second))
		}
		if err != nil {
			return err
		}
		over := time.Now()
		for _, p := range append(f.routes, f.proxy) {
			p.Retarget(f.replica.Addr())
			p.Sever()
		}
		f.redis, f.replica = f.replica, f.redis
		if err := f.recovers(ctx, over); err != nil {
			return err
		}
		if err := f.replica.Follow(ctx, f.redis); err != nil {
			return err
		}
	}
	return nil
}

// part makes a second master of the replica, which lags, and leads one worker
// there.
func (f *field) part(ctx context.Context, alone int) error {
	if err := f.replica.Unlink(ctx); err != nil {
		return err
	}
	if err := f.pause(ctx, f.upTo(3*time.Second)); err != nil {
		return err
	}
	if err := errors.Join(f.replica.Lead(ctx), f.replica.Relink(ctx)); err != nil {
		return err
	}
	f.routes[alone].Retarget(f.replica.Addr())
	f.routes[alone].Sever()
	return f.pause(ctx, time.Second+f.upTo(2*time.Second))
}
