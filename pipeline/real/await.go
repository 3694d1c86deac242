package real

import (
	"context"
	"fmt"
	"time"
)

// How servers are asked whether they are ready.
const (
	firstPoll   = 10 * time.Millisecond // doubled up to
	longestPoll = 200 * time.Millisecond
	dialTimeout = 2 * time.Second
)

// Await calls ready until it returns nil, with growing pauses. It fails with
// ready's last error when limit has passed, and at once with ctx's own.
func Await(ctx context.Context, limit time.Duration, ready func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := time.NewTimer(firstPoll)
	defer pause.Stop()
	for wait := firstPoll; ; wait = min(2*wait, longestPoll) {
		err := ready(bounded)
		if err == nil {
			return nil
		}
		pause.Reset(wait)
		select {
		case <-pause.C:
		case <-bounded.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("not after %v: %w", limit, err)
		}
	}
}
