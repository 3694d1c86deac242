package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
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
	Evicted    string // evicted_keys, since it started
	AppendOnly string // aof_enabled: 0 or 1
	Role       string // master or slave
	Replicas   int    // connected to it now

	Err error // why it could not be asked; then only Addr is known

	replicas []string // their addresses
}

// Servers asks every server of the store: of a cluster all nodes, behind
// sentinels the master's replicas, too, because a replica may be the master
// tomorrow. It fails where no server answers.
func (r *Redis) Servers(ctx context.Context) ([]Server, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return nil, err
	}
	var all []Server
	switch c := client.(type) {
	case *redis.ClusterClient:
		all, err = nodes(ctx, c)
	case *redis.Client:
		all = r.replicated(ctx, c)
	default:
		err = fmt.Errorf("unexpected client %T", c)
	}
	if err != nil {
		return nil, err
	}
	if errs := silent(all); len(errs) == len(all) {
		return nil, errors.Join(errs...)
	}
	return all, nil
}

// nodes asks the nodes of a cluster.
func nodes(ctx context.Context, c *redis.ClusterClient) ([]Server, error) {
	var (
		all []Server
		mu  sync.Mutex
	)
	err := c.ForEachShard(ctx, func(ctx context.Context, node *redis.Client) error {
		s := about(ctx, node, node.Options().Addr)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("asking Redis for the nodes of its cluster: %w", explain(err))
	}
	slices.SortFunc(all, func(a, b Server) int { return strings.Compare(a.Addr, b.Addr) })
	return all, nil
}

// replicated asks one server and, where sentinels may promote them, the replicas
// that it names. The sentinels would name them, too, but to somebody with more
// rights than a worker needs.
func (r *Redis) replicated(ctx context.Context, c *redis.Client) []Server {
	master := r.config.Sentinel.Master
	if master == "" {
		return []Server{about(ctx, c, c.Options().Addr)}
	}
	first := about(ctx, c, "the sentinels' master "+master)
	all := []Server{first}
	for _, addr := range first.replicas {
		options := r.options(ModeStandalone)
		options.Addrs = []string{addr}
		replica := redis.NewClient(options.Simple())
		all = append(all, about(ctx, replica, addr))
		_ = replica.Close() // what it would say was said by its command
	}
	return all
}

// about asks one server.
func about(ctx context.Context, c *redis.Client, addr string) Server {
	text, err := c.Info(ctx).Result()
	if redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "unknown command") {
		text, err = "", nil
	}
	if err != nil {
		return Server{Addr: addr, Err: fmt.Errorf("asking Redis at %s about itself: %w", addr, explain(err))}
	}
	return parseServer(addr, text)
}

// silent is why servers could not be asked.
func silent(all []Server) (errs []error) {
	for i := range all {
		if all[i].Err != nil {
			errs = append(errs, all[i].Err)
		}
	}
	return errs
}

// parseServer reads an INFO: lines of name:value.
func parseServer(addr, info string) Server {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	s := Server{Addr: addr, Version: fields["redis_version"], Eviction: fields["maxmemory_policy"], Evicted: fields["evicted_keys"],
		AppendOnly: fields["aof_enabled"], Role: fields["role"]}
	s.Replicas, _ = strconv.Atoi(fields["connected_slaves"])
	for i := range s.Replicas {
		if addr := parseReplica(fields["slave"+strconv.Itoa(i)]); addr != "" {
			s.replicas = append(s.replicas, addr)
		}
	}
	return s
}

// parseReplica finds the address in ip=…,port=…,state=….
func parseReplica(text string) string {
	var host, port string
	for field := range strings.SplitSeq(text, ",") {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "ip":
			host = value
		case "port":
			port = value
		}
	}
	if host == "" || port == "" {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// Evicts says whether the server forgets keys when its memory is full; false too
// where it does not tell.
func (s *Server) Evicts() bool { return s.Eviction != "" && s.Eviction != "noeviction" }

// AtLeast says whether the server's version is major.minor or later; false too
// where it is not known.
func (s *Server) AtLeast(major, minor int) bool {
	first, rest, _ := strings.Cut(s.Version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}
