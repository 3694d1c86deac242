package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Server is what one Redis server says of itself. Not every one says all: where
// INFO is cut down or forbidden, fields are empty.
type Server struct {
	Addr       string
	Version    string // such as 7.2.4
	Eviction   string // maxmemory_policy
	AppendOnly string // aof_enabled: 0 or 1
	Role       string // master or slave
	Replicas   int    // connected to it now
}

// Servers asks every server of the store: of a cluster all nodes, because a
// replica may be the master tomorrow.
func (r *Redis) Servers(ctx context.Context) ([]Server, error) {
	var (
		all []Server
		mu  sync.Mutex
	)
	ask := func(ctx context.Context, c *redis.Client) error {
		text, err := c.Info(ctx).Result()
		if redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "unknown command") {
			text, err = "", nil
		}
		if err != nil {
			return fmt.Errorf("asking Redis at %s about itself: %w", r.address(c), explain(err))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, parseServer(r.address(c), text))
		return nil
	}
	client, err := r.Client(ctx)
	if err != nil {
		return nil, err
	}
	switch c := client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachShard(ctx, ask)
	case *redis.Client:
		err = ask(ctx, c)
	default:
		err = fmt.Errorf("unexpected client %T", c)
	}
	return all, err
}

// address is where a client's server is; behind sentinels, whose master it is.
func (r *Redis) address(c *redis.Client) string {
	if master := r.config.Sentinel.Master; master != "" {
		return "the sentinels' master " + master
	}
	return c.Options().Addr
}

// parseServer reads an INFO: lines of name:value.
func parseServer(addr, info string) Server {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	replicas, _ := strconv.Atoi(fields["connected_slaves"])
	return Server{Addr: addr, Version: fields["redis_version"], Eviction: fields["maxmemory_policy"],
		AppendOnly: fields["aof_enabled"], Role: fields["role"], Replicas: replicas}
}

// AtLeast says whether the server's version is major.minor or later; false too
// where it is not known.
func (s *Server) AtLeast(major, minor int) bool {
	first, rest, _ := strings.Cut(s.Version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}
