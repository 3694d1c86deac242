package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/partition"
)

// openStore makes the client of a configuration's Redis, which is met when it is
// first needed.
func openStore(c *config.Config) (*store.Redis, error) {
	where, err := redisServers(c)
	if err != nil {
		return nil, err
	}
	return store.Open(where), nil
}

// openSegments reads the segments of a configuration's namespace.
func openSegments(ctx context.Context, c *config.Config, redis *store.Redis) (*client.Client, error) {
	partitioner, err := partition.Parse(c.Policy.Partitioner)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	reader, err := redis.Client(ctx)
	if err != nil {
		return nil, unreachable(c, err)
	}
	return client.New(reader, c.Namespace, client.Partitioner(partitioner)), nil
}

// openNamespace looks at the whole of a configuration's namespace, which must be
// there. The store is the caller's to close.
func openNamespace(ctx context.Context, c *config.Config) (*store.Redis, *namespace.Namespace, error) {
	redis, n, err := lookNamespace(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	partitions, err := n.Partitions(ctx)
	if err != nil {
		err = unreachable(c, err)
	} else if partitions == 0 {
		err = nothingStored(c)
	}
	if err != nil {
		return nil, nil, errors.Join(err, redis.Close())
	}
	return redis, n, nil
}

// lookNamespace does so for a namespace of which there may be nothing.
func lookNamespace(ctx context.Context, c *config.Config) (*store.Redis, *namespace.Namespace, error) {
	redis, err := openStore(c)
	if err != nil {
		return nil, nil, err
	}
	reader, err := redis.Client(ctx)
	if err != nil {
		return nil, nil, errors.Join(unreachable(c, err), redis.Close())
	}
	return redis, namespace.Open(reader, c.Namespace), nil
}

func unreachable(c *config.Config, err error) error {
	return fmt.Errorf("reading Redis at %s: %w: name another with --redis or -c", strings.Join(c.Redis.Addrs, ", "), err)
}

func nothingStored(c *config.Config) error {
	return fmt.Errorf("nothing is stored under namespace %s in Redis at %s: name another with --namespace or -c",
		c.Namespace, strings.Join(c.Redis.Addrs, ", "))
}
