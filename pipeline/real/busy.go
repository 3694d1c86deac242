package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Busy has everybody told BUSY for so long.
func (r *Redis) Busy(ctx context.Context, during time.Duration) error {
	over, err := r.Refuse(ctx, "BUSY")
	if err != nil {
		return fmt.Errorf("keeping Redis busy: %w", err)
	}
	select {
	case <-time.After(during):
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err := errors.Join(err, over()); err != nil {
		return fmt.Errorf("ending what keeps Redis busy: %w", err)
	}
	return nil
}

// RestartSlowly restarts the server and has it take about so long to read its
// files: meanwhile everybody is told LOADING.
func (r *Redis) RestartSlowly(about time.Duration) error {
	r.process.kill()
	commands, err := r.appended()
	if err == nil {
		err = r.startOnce("--key-load-delay", loadDelay(about/time.Duration(max(commands, 1))))
	}
	if err != nil {
		return fmt.Errorf("restarting Redis: %w", err)
	}
	return nil
}

// appended counts the commands in the append-only file that is being written,
// each of which begins as an array does.
func (r *Redis) appended() (int, error) {
	file, err := r.appendFile()
	if err != nil {
		return 0, err
	}
	content, err := os.ReadFile(file)
	return bytes.Count(content, []byte("\n*")), err
}

// loadDelay writes a wait for each command as Redis's option wants it: in µs, or,
// where that is less than it can sleep, as minus the number of commands for one
// sleep.
func loadDelay(each time.Duration) string {
	const shortest = 60 * time.Microsecond
	if each >= shortest {
		return strconv.FormatInt(each.Microseconds(), 10)
	}
	return strconv.FormatInt(-int64(shortest/max(each, 1)), 10)
}
