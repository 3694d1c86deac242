package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/tidemark/tidemark/pkg/keys"
)

// Mode is what the addresses of a Config are.
type Mode string

// The modes. The zero value is ModeAuto.
const (
	ModeAuto       Mode = "auto"       // sentinels if a master is named; else what the servers say
	ModeStandalone Mode = "standalone" // one server
	ModeCluster    Mode = "cluster"    // some nodes of a cluster
	ModeSentinel   Mode = "sentinel"   // the sentinels of a master
)

// Sentinel says which master to ask sentinels for, and as whom.
type Sentinel struct {
	Master             string // empty: there are no sentinels
	Username, Password string
}

// Format is like that of Config.
func (s Sentinel) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "master %s as %q", s.Master, s.Username)
}

// MarshalText is Format's for JSON and logs.
func (s Sentinel) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }

// Client is the client behind the store, for reads of other kinds than a
// session's. It lives until the store is closed.
func (r *Redis) Client(ctx context.Context) (redis.UniversalClient, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if r.closed {
		return nil, redis.ErrClosed
	}
	if r.client == nil {
		mode, err := r.mode(ctx)
		if err != nil {
			return nil, fmt.Errorf("connecting to Redis: %w", err)
		}
		r.client = redis.NewUniversalClient(r.options(mode))
	}
	return r.client, nil
}

// Node is the client of the server that holds a shard.
func (r *Redis) Node(ctx context.Context, shard int32) (*redis.Client, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return nil, err
	}
	return r.node(ctx, client, shard)
}

func (r *Redis) node(ctx context.Context, client redis.UniversalClient, shard int32) (*redis.Client, error) {
	switch c := client.(type) {
	case *redis.ClusterClient:
		node, err := c.MasterForKey(ctx, keys.Of(r.config.Namespace, shard).Shard())
		if err != nil {
			return nil, fmt.Errorf("finding the Redis node of shard %d: %w", shard, r.config.explain(err))
		}
		return node, nil
	case *redis.Client:
		return c, nil
	default:
		return nil, fmt.Errorf("unexpected client %T", c)
	}
}

// Close ends all connections.
func (r *Redis) Close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.closed = true
	if r.client == nil {
		return nil
	}
	return r.client.Close()
}

func (r *Redis) options(mode Mode) *redis.UniversalOptions {
	retries := r.config.Retries
	if retries == 0 {
		// A commit must never be sent twice by itself: whether the first one was
		// applied is not known. Everything else is repeated by taking over again.
		retries = -1
	}
	o := &redis.UniversalOptions{
		Addrs:                 r.config.Addrs,
		IsClusterMode:         mode == ModeCluster,
		Username:              r.config.Username,
		Password:              r.config.Password,
		TLSConfig:             r.config.TLS,
		MaxRetries:            retries,
		DialerRetries:         1, // whoever needs the connection tries again, and says meanwhile why
		DisableIdentity:       true,
		PoolSize:              maxShards, // each shard keeps a connection for itself
		ReadTimeout:           r.config.Timeout,
		WriteTimeout:          r.config.Timeout,
		ContextTimeoutEnabled: true,
		// Its handshake changes options that all connections share.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if mode == ModeSentinel {
		o.MasterName, o.SentinelUsername, o.SentinelPassword = r.config.Sentinel.Master, r.config.Sentinel.Username, r.config.Sentinel.Password
	}
	return o
}

// mode finds out what the addresses are. A cluster is recognised by any of its
// nodes.
func (r *Redis) mode(ctx context.Context) (Mode, error) {
	switch {
	case r.config.Mode != "" && r.config.Mode != ModeAuto:
		return r.config.Mode, nil
	case r.config.Sentinel.Master != "":
		return ModeSentinel, nil
	}
	var errs []error
	for _, addr := range r.config.Addrs {
		mode, err := r.ask(ctx, addr)
		switch {
		case err != nil:
			errs = append(errs, err)
		case mode == ModeSentinel:
			return "", fmt.Errorf("%s is a sentinel: name the master that it watches, in redis.sentinel.master", addr)
		case mode == ModeStandalone && len(r.config.Addrs) > 1:
			return "", fmt.Errorf("%s is no node of a cluster: give one address, or the nodes of one cluster", addr)
		default:
			return mode, nil
		}
	}
	return "", errors.Join(errs...)
}

// ask has a server say what it is, in its answer to HELLO, which every user may
// send.
func (r *Redis) ask(ctx context.Context, addr string) (Mode, error) {
	options := r.options(ModeStandalone)
	options.Addrs = []string{addr}
	client := redis.NewClient(options.Simple())
	defer func() { _ = client.Close() }() // what it would say was said by its command
	conn := client.Conn()
	defer func() { _ = conn.Close() }()
	const resp = 3
	hello, err := conn.Hello(ctx, resp, "", "", "").Result()
	if err != nil {
		return "", fmt.Errorf("asking %s what it is: %w", addr, r.hungUp(r.config.explain(err)))
	}
	switch mode := hello["mode"]; mode {
	case "cluster":
		return ModeCluster, nil
	case "sentinel":
		return ModeSentinel, nil
	default:
		return ModeStandalone, nil
	}
}
