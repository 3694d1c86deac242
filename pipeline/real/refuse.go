package real

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Refuse has the server answer with errors of a kind, such as OOM, from now until
// over is called: to writes, or, where it is BUSY or LOADING, to everything. It
// fails with ErrUnavailable where it knows no way: LOADING needs a file to load.
func (r *Redis) Refuse(ctx context.Context, kind string) (over func() error, err error) {
	undo := func(command ...any) func() error {
		return func() error { return r.Do(ctx, command...) }
	}
	switch kind {
	case "OOM":
		return undo("CONFIG", "SET", "maxmemory", 0), r.Do(ctx, "CONFIG", "SET", "maxmemory", 1)
	case "READONLY":
		return undo("REPLICAOF", "NO", "ONE"), r.Do(ctx, "REPLICAOF", "127.0.0.1", 1)
	case "NOREPLICAS":
		return undo("CONFIG", "SET", "min-replicas-to-write", 0), r.Do(ctx, "CONFIG", "SET", "min-replicas-to-write", 1)
	case "BUSY":
		ending := context.WithoutCancel(ctx) // or the script would run on
		return r.refuse(ctx, kind, func() error { return r.spin(ctx) }, func() error { return Await(ending, redisTimeout, r.unspin) })
	case "LOADING":
		if r.appends() {
			return r.load(ctx)
		}
	}
	return nil, fmt.Errorf("having Redis answer %s: %w", kind, ErrUnavailable)
}

// refuse begins what keeps the server from answering, and returns when it does so;
// end is what ends it.
func (r *Redis) refuse(ctx context.Context, kind string, begin, end func() error) (over func() error, err error) {
	ended := make(chan error, 1)
	go func() { ended <- begin() }()
	err = Await(ctx, redisTimeout, func(ctx context.Context) error {
		if err := r.Do(ctx, "GET", "any"); !redis.HasErrorPrefix(errors.Unwrap(err), kind) {
			return fmt.Errorf("Redis is not %s: %w", kind, err)
		}
		return nil
	})
	over = func() error { return errors.Join(end(), <-ended) }
	if err != nil {
		return nil, errors.Join(err, over())
	}
	return over, nil
}

// busyAfter is how long a script runs before others are told BUSY.
const busyAfter = 50 * time.Millisecond

func (r *Redis) unspin(ctx context.Context) error { return r.Do(ctx, "SCRIPT", "KILL") }

// spin runs a script until it is killed.
func (r *Redis) spin(ctx context.Context) error {
	err := r.Do(ctx, "CONFIG", "SET", "busy-reply-threshold", busyAfter.Milliseconds())
	if err != nil {
		return err
	}
	err = r.do(ctx, func(client *redis.Client) error {
		return client.WithTimeout(time.Hour).Do(ctx, "EVAL", "while true do end", 0).Err()
	})
	if err == nil {
		return errors.New("a script without an end ended by itself")
	}
	return nil // it was killed
}

// load restarts the server with so much to read that it does not come to an end.
// While it reads it looks at its clients once in a thousand commands only.
func (r *Redis) load(ctx context.Context) (over func() error, err error) {
	const (
		fillers = 20_000
		each    = 500 * time.Microsecond
	)
	err = r.do(ctx, func(client *redis.Client) error {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range fillers {
				p.Set(ctx, fmt.Sprintf("filler:%d", i), i, 0)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("filling Redis: %w", err)
	}
	r.process.kill()
	return r.refuse(ctx, "LOADING", func() error { return r.startOnce("--key-load-delay", loadDelay(each)) },
		func() error { return r.Do(ctx, "CONFIG", "SET", "key-load-delay", 0) })
}
