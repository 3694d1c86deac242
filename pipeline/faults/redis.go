package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
)

func init() {
	matrix = append(matrix,
		row{name: "redis-crash", fault: "Redis kill -9 and restart, by appendfsync always, everysec and no", full: 30, reduced: 1, apply: crashRedis},
		row{name: "redis-rollback", fault: "Redis rolled back: its append-only file cut by 1–60 s; FLUSHALL; an old dump put back", full: 10, reduced: 1,
			servers: unrewritten, apply: rollBackRedis},
		row{name: "redis-refuses", fault: "SCRIPT FLUSH, OOM, READONLY, LOADING, BUSY, a connection cut in the middle of a reply", full: 10, reduced: 1,
			servers: proxied, apply: refuse},
		row{name: "redis-evicts", fault: "an eviction policy other than noeviction, at the start", full: 7, reduced: 2, whole: evict},
	)
}

// crashRedis ends Redis while it is written to. What it had handed to the kernel
// stays.
func crashRedis(ctx context.Context, f *field) error {
	for _, fsync := range []string{"always", "everysec", "no"} {
		for range f.dose {
			f.runs++
			if err := f.redis.Do(ctx, "CONFIG", "SET", "appendfsync", fsync); err != nil {
				return err
			}
			if err := f.pause(ctx, f.upTo(2*time.Second)); err != nil {
				return err
			}
			crashed := time.Now()
			f.redis.Kill()
			if err := f.pause(ctx, f.upTo(time.Second)); err != nil {
				return err
			}
			if err := f.redis.Restart(); err != nil {
				return err
			}
			if err := f.recovers(ctx, crashed); err != nil {
				return err
			}
		}
	}
	return nil
}

// upTo is a time between 0 and most.
func (f *field) upTo(most time.Duration) time.Duration {
	return time.Duration(f.chance.Int64N(int64(most)))
}

// lag is how far something is put back, or held back: 1–60 s in full doses.
func (f *field) lag() time.Duration {
	if f.fullDose {
		return time.Second + f.upTo(59*time.Second)
	}
	return time.Second + f.upTo(2*time.Second)
}

// outgrow lets time go by in which every shard stores something, and tells of it,
// that Redis is made to forget then.
func (f *field) outgrow(ctx context.Context) error {
	err := f.pause(ctx, f.lag())
	if err == nil {
		_, err = f.probes.probe(ctx, f.shop)
	}
	return err
}

// serve has the row's Redis taken from addr on.
func (f *field) serve(redis *real.Redis, addr string) {
	f.redis = redis
	f.service.Redis.Addrs = []string{addr}
}

// unrewritten is a Redis that never writes its append-only file anew: places in it
// stay what they are.
func unrewritten(_ context.Context, f *field) error {
	redis, err := f.startRedis("--auto-aof-rewrite-percentage", "0")
	if err == nil {
		f.serve(redis, redis.Addr())
	}
	return err
}

// startRedis starts one as it is run in production, for the time of the row.
func (f *field) startRedis(settings ...string) (*real.Redis, error) {
	redis, err := real.StartRedis(append([]string{"--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
		"--repl-diskless-sync-delay", "0"}, settings...)...)
	if err == nil {
		f.later(redis.Close)
	}
	return redis, err
}

// rollBackRedis takes back what Redis had acknowledged, and the world was told of.
func rollBackRedis(ctx context.Context, f *field) error {
	cut := func(ctx context.Context) (time.Time, error) {
		mark, err := f.redis.AppendMark()
		if err == nil {
			err = f.outgrow(ctx)
		}
		at := time.Now()
		if err == nil {
			_, err = f.redis.CutAppend(mark)
		}
		return at, err
	}
	empty := func(ctx context.Context) (time.Time, error) {
		err := f.pause(ctx, f.upTo(time.Second))
		return time.Now(), errors.Join(err, f.redis.Do(ctx, "FLUSHALL"))
	}
	restore := func(ctx context.Context) (time.Time, error) {
		backup, err := f.redis.Backup(ctx)
		if err == nil {
			err = f.outgrow(ctx)
		}
		at := time.Now()
		if err == nil {
			err = f.redis.Restore(ctx, backup)
		}
		return at, err
	}
	for range f.dose {
		for _, back := range []func(context.Context) (time.Time, error){cut, empty, restore} {
			f.runs++
			before, err := f.rewinds()
			if err != nil {
				return err
			}
			at, err := back(ctx)
			if err != nil {
				return err
			}
			if err := f.recovers(ctx, at); err != nil {
				return err
			}
			if err := f.noticed(before, at, every()); err != nil {
				return err
			}
		}
	}
	return nil
}

// proxied is a Redis behind a proxy.
func proxied(ctx context.Context, f *field) error {
	if err := unrewritten(ctx, f); err != nil {
		return err
	}
	return f.standBefore(f.redis)
}

// standBefore puts a proxy before a Redis: the one address that everybody knows.
func (f *field) standBefore(redis *real.Redis) (err error) {
	if f.proxy, err = real.StartProxy(redis.Addr()); err != nil {
		return err
	}
	f.later(f.proxy.Close)
	f.serve(redis, f.proxy.Addr())
	return nil
}

// refusal is a way in which Redis does not do what it was asked for.
type refusal struct {
	name string
	do   func(context.Context, *field) error
	mute bool // workers need not see an error
}

var refused = []refusal{
	{name: "SCRIPT FLUSH", mute: true, do: func(ctx context.Context, f *field) error { return f.redis.Do(ctx, "SCRIPT", "FLUSH") }},
	{name: "OOM", do: between([]any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"})},
	{name: "READONLY", do: between([]any{"REPLICAOF", "127.0.0.1", "1"}, []any{"REPLICAOF", "NO", "ONE"})},
	{name: "LOADING", do: func(_ context.Context, f *field) error { return f.redis.RestartSlowly(refusedFor) }},
	{name: "BUSY", do: func(ctx context.Context, f *field) error { return f.redis.Busy(ctx, refusedFor) }},
	{name: "a reply that is cut", do: cutReply},
}

// refusedFor is how long a refusal lasts, about.
const refusedFor = 2 * time.Second

// between runs a command, and another one later.
func between(begin, over []any) func(context.Context, *field) error {
	return func(ctx context.Context, f *field) error {
		if err := f.redis.Do(ctx, begin...); err != nil {
			return err
		}
		err := f.pause(ctx, refusedFor/2+f.upTo(refusedFor/2))
		return errors.Join(err, f.redis.Do(ctx, over...))
	}
}

// cutReply cuts a connection of a shard within the next answers, at any byte.
// What others ask Redis for, such as its clock, is counted nowhere.
func cutReply(ctx context.Context, f *field) error {
	const most = 500
	select {
	case <-f.proxy.CutReply(1+f.chance.IntN(most), "evalsha"):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func refuse(ctx context.Context, f *field) error {
	for range f.dose {
		for _, r := range refused {
			f.runs++
			before, err := f.failures(ctx)
			if err != nil {
				return err
			}
			if err := f.pause(ctx, f.upTo(time.Second)); err != nil {
				return err
			}
			begun := time.Now()
			if err := r.do(ctx, f); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			if err := f.recovers(ctx, begun); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			if after, err := f.failures(ctx); err != nil || !r.mute && after == before {
				return errors.Join(err, fmt.Errorf("%s: no worker was refused anything", r.name))
			}
		}
	}
	return nil
}

// failures is how often I/O of the workers has failed.
func (f *field) failures(ctx context.Context) (sum float64, err error) {
	for _, w := range f.running() {
		metrics, err := w.Metrics(ctx)
		if err != nil {
			return 0, err
		}
		sum += metrics["tidemark_errors_total"]
	}
	return sum, nil
}

// evict starts a worker over every eviction policy that forgets.
func evict(ctx context.Context, f *field) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	for _, policy := range []string{"allkeys-lru", "volatile-ttl", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random"}[:f.dose] {
		f.runs++
		if err := f.redis.Do(ctx, "CONFIG", "SET", "maxmemory-policy", policy); err != nil {
			return err
		}
		w, err := f.start(ctx)
		if err != nil {
			return err
		}
		f.release(w)
		select {
		case <-w.Ended():
		case <-time.After(time.Minute):
			w.Signal(syscall.SIGKILL)
			return fmt.Errorf("a worker works over %s", policy)
		}
		if said := w.LastWords(); w.Code() != 1 || !strings.Contains(said, "has maxmemory-policy "+policy) || !strings.Contains(said, "set maxmemory-policy noeviction") {
			return fmt.Errorf("over %s a worker ended with code %d and said %s", policy, w.Code(), said)
		}
	}
	f.remark("refused, with the reason and the remedy")
	return nil
}
