package real

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many hash slots the masters of a Redis Cluster share.
const slots = 16384

// Cluster is a Redis Cluster: the first nodes are its masters, each with as many
// replicas behind them.
type Cluster struct {
	nodes   []*Redis
	masters int
}

// StartCluster starts a cluster and returns when every node finds it whole.
func StartCluster(masters, replicas int, settings ...string) (*Cluster, error) {
	c := &Cluster{masters: masters}
	if err := c.start(masters*(1+replicas), settings); err != nil {
		return nil, fmt.Errorf("starting a Redis Cluster: %w", errors.Join(err, c.Close()))
	}
	return c, nil
}

func (c *Cluster) start(nodes int, settings []string) error {
	for range nodes {
		bus, err := freePort()
		if err != nil {
			return err
		}
		node, err := StartRedis(append([]string{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0", "--cluster-port", fmt.Sprint(bus)}, settings...)...)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, node)
	}
	ctx, cancel := context.WithTimeout(context.Background(), redisTimeout)
	defer cancel()
	if err := c.introduce(ctx); err != nil {
		return err
	}
	if err := c.whole(ctx); err != nil {
		return err
	}
	return c.follow(ctx)
}

// introduce gives the masters their slots and all nodes each other.
func (c *Cluster) introduce(ctx context.Context) error {
	first := c.nodes[0]
	bus, err := first.busPort(ctx)
	if err != nil {
		return err
	}
	for i, node := range c.nodes {
		if err := node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return err
		}
		if i < c.masters {
			if err := node.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/c.masters, (i+1)*slots/c.masters-1); err != nil {
				return err
			}
		}
		if i > 0 {
			if err := node.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", first.port, bus); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Redis) busPort(ctx context.Context) (port string, err error) {
	err = r.do(ctx, func(client *redis.Client) error {
		settings, err := client.ConfigGet(ctx, "cluster-port").Result()
		port = settings["cluster-port"]
		return err
	})
	return port, err
}

// whole waits until every node knows all others and whose each slot is, which its
// state says only where it is to serve nothing until then.
func (c *Cluster) whole(ctx context.Context) error {
	for _, node := range c.nodes {
		err := Await(ctx, redisTimeout, func(ctx context.Context) error {
			return node.do(ctx, func(client *redis.Client) error {
				info, err := client.ClusterInfo(ctx).Result()
				if err == nil && (!strings.Contains(info, "cluster_state:ok") ||
					!strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d\r\n", slots)) ||
					!strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r\n", len(c.nodes)))) {
					err = fmt.Errorf("the cluster is not whole: %s", info)
				}
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// follow makes replicas of the nodes behind the masters.
func (c *Cluster) follow(ctx context.Context) error {
	for i, node := range c.nodes[c.masters:] {
		master, err := c.nodes[i%c.masters].id(ctx)
		if err != nil {
			return err
		}
		if err := node.Do(ctx, "CLUSTER", "REPLICATE", master); err != nil {
			return err
		}
		if err := node.linked(ctx); err != nil {
			return err
		}
	}
	return c.told(ctx)
}

// told waits until every node knows who is a replica: without that a replica
// finds nobody to vote for it.
func (c *Cluster) told(ctx context.Context) error {
	for _, node := range c.nodes {
		err := Await(ctx, redisTimeout, func(ctx context.Context) error {
			return node.do(ctx, func(client *redis.Client) error {
				known, err := client.ClusterNodes(ctx).Result()
				if err == nil && strings.Count(known, "slave ") != len(c.nodes)-c.masters {
					err = fmt.Errorf("a node does not know the replicas: %s", known)
				}
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Redis) id(ctx context.Context) (id string, err error) {
	err = r.do(ctx, func(client *redis.Client) error {
		id, err = client.ClusterMyID(ctx).Result()
		return err
	})
	return id, err
}

// Addrs are the nodes' addresses, masters first.
func (c *Cluster) Addrs() []string {
	var all []string
	for _, node := range c.nodes {
		all = append(all, node.Addr())
	}
	return all
}

// Master is the i-th of the nodes that began as masters.
func (c *Cluster) Master(i int) *Redis { return c.nodes[i] }

// Replica is a replica of the i-th master, if there are any.
func (c *Cluster) Replica(i int) *Redis { return c.nodes[c.masters+i] }

// Promote makes the i-th master's replica the master, without losing anything,
// and returns when it is.
func (c *Cluster) Promote(ctx context.Context, i int) (err error) {
	const tries = 10 // on a busy machine a node may give up on it, and tells nobody
	for range tries {
		if err = c.promote(ctx, c.Replica(i)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("promoting a replica: %w", err)
}

func (c *Cluster) promote(ctx context.Context, replica *Redis) error {
	const patience = 6 * time.Second // Redis's own is 5 s
	if replica.leads(ctx) == nil {
		return nil // by the last try
	}
	if err := replica.Do(ctx, "CLUSTER", "FAILOVER"); err != nil {
		return err
	}
	return Await(ctx, patience, replica.leads)
}

// Close kills all nodes and removes their files.
func (c *Cluster) Close() error {
	var errs []error
	for _, node := range c.nodes {
		errs = append(errs, node.Close())
	}
	return errors.Join(errs...)
}
