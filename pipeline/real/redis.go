package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisTimeout is how long a server may take to answer on a busy machine,
// reading its files included.
const redisTimeout = 30 * time.Second

// Redis is a redis-server with its files in a folder of its own.
type Redis struct {
	dir     string
	port    int
	server  string // the program
	args    []string
	process *process
}

// StartRedis starts a server and returns when it answers. It keeps nothing
// unless the settings, written as on redis-server's command line, say so:
// "--appendonly", "yes".
func StartRedis(settings ...string) (*Redis, error) { return startRedis("redis-server", settings) }

func startRedis(server string, settings []string) (r *Redis, err error) {
	const tries = 5 // another process may listen on the port before Redis does
	for range tries {
		if r, err = startAnywhere(server, settings); err == nil {
			return r, nil
		}
		if !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	return nil, fmt.Errorf("starting Redis: %w", err)
}

// startAnywhere starts a server on some port.
func startAnywhere(server string, settings []string) (*Redis, error) {
	dir, err := os.MkdirTemp("", "tidemark-redis-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r := &Redis{dir: dir, port: port, server: server, args: append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", filepath.Join(dir, dataDir), "--save", ""}, settings...)}
	if err := os.Mkdir(filepath.Join(dir, dataDir), 0o750); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := r.start(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

const dataDir = "data"

func (r *Redis) start() (err error) {
	if r.process, err = launch(r.dir, r.server, r.args...); err != nil {
		return err
	}
	ours := strconv.Itoa(r.process.cmd.Process.Pid)
	return r.process.ready(redisTimeout, func(ctx context.Context) error {
		return r.do(ctx, func(c *redis.Client) error {
			info, err := c.InfoMap(ctx, "server", "persistence").Result()
			switch {
			case err != nil:
				return err
			case info["Server"]["process_id"] != ours:
				return errors.New("another server has its port")
			case info["Persistence"]["loading"] != "0":
				return errors.New("it is reading its files")
			}
			return nil
		})
	})
}

// do lends a client for the time of a call.
func (r *Redis) do(ctx context.Context, call func(*redis.Client) error) error {
	client := redis.NewClient(&redis.Options{Addr: r.Addr(), MaxRetries: -1, DisableIdentity: true, DialTimeout: dialTimeout,
		ContextTimeoutEnabled: true, PoolSize: 1})
	defer func() { _ = client.Close() }() // what it would say was said by its commands
	if err := ctx.Err(); err != nil {
		return err
	}
	return call(client)
}

// Addr is the server's address, host:port.
func (r *Redis) Addr() string { return address(r.port) }

// PID is the server's process.
func (r *Redis) PID() int { return r.process.cmd.Process.Pid }

// Do runs one command.
func (r *Redis) Do(ctx context.Context, command ...any) error {
	return r.do(ctx, func(c *redis.Client) error {
		if err := c.Do(ctx, command...).Err(); err != nil {
			return fmt.Errorf("asking Redis: %w", err)
		}
		return nil
	})
}

// Kill ends the server as a crash would. What it has handed to the kernel stays.
func (r *Redis) Kill() { r.process.kill() }

// Restart starts the server again, on its address and its files, killing it if
// it still runs.
func (r *Redis) Restart() error {
	r.process.kill()
	if err := r.start(); err != nil {
		return fmt.Errorf("restarting Redis: %w", err)
	}
	return nil
}

// Snapshot is what a server had on disk at some instant.
type Snapshot struct{ dir string }

// Snapshot keeps a copy of the files as they are; the end of a file that is
// being written may be cut, as a crash of the machine would cut it.
func (r *Redis) Snapshot(ctx context.Context) (Snapshot, error) {
	dir, err := os.MkdirTemp(r.dir, "snapshot-")
	if err == nil {
		err = r.unrewritten(ctx, func() error { return os.CopyFS(dir, os.DirFS(filepath.Join(r.dir, dataDir))) })
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("keeping Redis's files: %w", err)
	}
	return Snapshot{dir}, nil
}

// Rollback kills the server and starts it with the files of the snapshot.
func (r *Redis) Rollback(to Snapshot) error {
	r.process.kill()
	data := filepath.Join(r.dir, dataDir)
	err := os.RemoveAll(data)
	if err == nil {
		err = os.CopyFS(data, os.DirFS(to.dir))
	}
	if err == nil {
		err = r.start()
	}
	if err != nil {
		return fmt.Errorf("rolling Redis back: %w", err)
	}
	return nil
}

// Close kills the server and removes its files.
func (r *Redis) Close() error {
	if r.process != nil {
		r.process.kill()
	}
	return os.RemoveAll(r.dir)
}
