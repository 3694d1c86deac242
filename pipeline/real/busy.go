package real

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// busyAfter is how long a script runs before others are told BUSY.
const busyAfter = 50 * time.Millisecond

// Busy has the server run a script that does not end, for so long, and kills it:
// meanwhile everybody is told BUSY.
func (r *Redis) Busy(ctx context.Context, during time.Duration) error {
	if err := r.Do(ctx, "CONFIG", "SET", "busy-reply-threshold", busyAfter.Milliseconds()); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- r.do(ctx, func(client *redis.Client) error {
			return client.WithTimeout(during+redisTimeout).Do(ctx, "EVAL", "while true do end", 0).Err()
		})
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("keeping Redis busy: %w", err)
	case <-time.After(during):
	}
	err := Await(ctx, redisTimeout, func(ctx context.Context) error { return r.Do(ctx, "SCRIPT", "KILL") })
	if killed := <-ended; err == nil && killed == nil {
		err = errors.New("it ended by itself")
	}
	if err != nil {
		return fmt.Errorf("ending what keeps Redis busy: %w", err)
	}
	return nil
}

// RestartSlowly restarts the server and has it take its time with every key or
// command that it reads: meanwhile everybody is told LOADING.
func (r *Redis) RestartSlowly(each time.Duration) error {
	r.process.kill()
	if err := r.startOnce("--key-load-delay", fmt.Sprint(each.Microseconds())); err != nil {
		return fmt.Errorf("restarting Redis: %w", err)
	}
	return nil
}
