package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// MasterName is the name under which sentinels watch their master.
const MasterName = "main"

const (
	sentinels = 3
	quorum    = 2
)

// Sentinels are a master, a replica of it, and three sentinels that watch them.
type Sentinels struct {
	dir       string
	servers   [2]*Redis
	ports     []int
	processes []*process
}

// StartSentinels starts servers and sentinels, and returns when the sentinels
// could promote the replica.
func StartSentinels(settings ...string) (*Sentinels, error) {
	s := &Sentinels{}
	if err := s.start(settings); err != nil {
		return nil, fmt.Errorf("starting Redis with sentinels: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Sentinels) start(settings []string) (err error) {
	if s.dir, err = os.MkdirTemp("", "tidemark-sentinels-"); err != nil {
		return err
	}
	for i := range s.servers {
		if s.servers[i], err = StartRedis(append([]string{"--repl-diskless-sync-delay", "0"}, settings...)...); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), redisTimeout)
	defer cancel()
	if err := s.servers[1].Follow(ctx, s.servers[0]); err != nil {
		return err
	}
	if s.ports, err = freePorts(sentinels); err != nil {
		return err
	}
	for i, port := range s.ports {
		if err := s.watch(i, port); err != nil {
			return err
		}
	}
	return Await(ctx, redisTimeout, s.agree)
}

// watch starts one sentinel.
func (s *Sentinels) watch(i, port int) error {
	file := filepath.Join(s.dir, fmt.Sprintf("sentinel-%d.conf", i))
	lines := []string{
		"port " + strconv.Itoa(port),
		"bind 127.0.0.1",
		"dir " + s.dir,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d %d", MasterName, s.servers[0].port, quorum),
		"sentinel down-after-milliseconds " + MasterName + " 1500",
		"sentinel failover-timeout " + MasterName + " 5000",
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	p, err := launch(s.dir, "redis-server", file, "--sentinel")
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return err
}

// agree fails while a sentinel does not know the others and the replica.
func (s *Sentinels) agree(ctx context.Context) error {
	for _, addr := range s.Addrs() {
		client := redis.NewSentinelClient(&redis.Options{Addr: addr, MaxRetries: -1, DisableIdentity: true, DialTimeout: dialTimeout})
		known, err := client.Master(ctx, MasterName).Result()
		if err = errors.Join(err, client.Close()); err != nil {
			return err
		}
		if known["num-slaves"] != "1" || known["num-other-sentinels"] != strconv.Itoa(sentinels-1) || known["flags"] != "master" {
			return fmt.Errorf("a sentinel does not know all: %v", known)
		}
	}
	return nil
}

// name fails while a sentinel names another master.
func (s *Sentinels) name(ctx context.Context, master *Redis) error {
	for _, addr := range s.Addrs() {
		client := redis.NewSentinelClient(&redis.Options{Addr: addr, MaxRetries: -1, DisableIdentity: true, DialTimeout: dialTimeout})
		named, err := client.GetMasterAddrByName(ctx, MasterName).Result()
		if err = errors.Join(err, client.Close()); err != nil {
			return err
		}
		if named[1] != strconv.Itoa(master.port) {
			return fmt.Errorf("a sentinel names another master: %v", named)
		}
	}
	return nil
}

// Do runs one command on every sentinel.
func (s *Sentinels) Do(ctx context.Context, command ...any) error {
	for _, port := range s.ports {
		if err := (&Redis{port: port}).Do(ctx, command...); err != nil {
			return err
		}
	}
	return nil
}

// Addrs are the addresses of the sentinels.
func (s *Sentinels) Addrs() []string {
	var all []string
	for _, port := range s.ports {
		all = append(all, address(port))
	}
	return all
}

// Server is the i-th of two servers. The first began as the master.
func (s *Sentinels) Server(i int) *Redis { return s.servers[i] }

// FailOver kills the first server, waits until the sentinels have made the other
// one the master, and brings the first back as its replica.
func (s *Sentinels) FailOver(ctx context.Context) error {
	old, promoted := s.servers[0], s.servers[1]
	old.Kill()
	err := Await(ctx, redisTimeout, func(ctx context.Context) error { return s.name(ctx, promoted) })
	if err == nil {
		// From its first moment on: an empty master that some still take for theirs would be
		// filled anew.
		old.args = append(old.args, "--replicaof", "127.0.0.1 "+strconv.Itoa(promoted.port))
		err = old.Restart()
	}
	if err == nil {
		err = old.linked(ctx)
	}
	if err != nil {
		return fmt.Errorf("failing over: %w", err)
	}
	return nil
}

// Close stops everything and removes its files.
func (s *Sentinels) Close() error {
	for _, p := range s.processes {
		p.kill()
	}
	var errs []error
	for _, server := range s.servers {
		if server != nil {
			errs = append(errs, server.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
