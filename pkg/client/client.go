// Package client reads in which segment customers are, for services that
// personalize: one round trip to Redis, answers that are never behind what has
// been published.
//
//	segments := client.New(redis.NewClient(&redis.Options{Addr: "localhost:6379"}), "shop")
//	customer, err := segments.Get(ctx, "c-42")
//	if customer.Segment == segment.Loyal { … }
//
// How Redis is reached (a server, Sentinel, a cluster; TLS, users, time-outs,
// retries, reading from replicas) is a matter of the go-redis client that is
// given. One with replicas may answer with what was true a moment ago.
package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/segment"
)

// ErrNoNamespace is the cause of an error where nothing is stored under the
// namespace: its name is another one, or no worker has run yet.
var ErrNoNamespace = errors.New("nothing is stored under this namespace: is its name right, and has a worker run?")

// Customer is how a customer stands.
type Customer struct {
	ID      string
	Segment segment.Segment // segment.None: unknown, forgotten, or without an event that counts
	Since   time.Time       // when he came into the segment; zero without one
	Version int64           // of his latest change, which carries the same number; 0 before the first
	Next    segment.Segment // what follows if he does nothing, segment.None: nothing does
	NextAt  time.Time       // when; zero without a next segment

	// AsOf is the stream time of his shard, in event time: everything up to then
	// is in the answer. It is read in the same round trip, just before the
	// customer. Zero: the shard has had no event.
	AsOf time.Time
}

// Client reads the customers of one namespace. It is safe for concurrent use.
type Client struct {
	redis       redis.UniversalClient
	namespace   string
	partitioner partition.Partitioner
	route       atomic.Pointer[route]
}

// Option changes what New assumes.
type Option func(*Client)

// Partitioner says how customers are put into shards, where the namespace does
// not say so itself: it does unless a release made it that did not store its
// policy yet. The default is partition.Murmur2.
func Partitioner(p partition.Partitioner) Option {
	return func(c *Client) { c.partitioner = p }
}

// New reads the namespace through a client of Redis, which stays the caller's to
// close. Nothing is read before the first Get.
func New(redis redis.UniversalClient, namespace string, options ...Option) *Client {
	c := &Client{redis: redis, namespace: namespace, partitioner: partition.Murmur2}
	for _, set := range options {
		set(c)
	}
	return c
}

// Get reads one customer. One who is unknown is no error: he has no segment and
// no version.
func (c *Client) Get(ctx context.Context, customer string) (Customer, error) {
	found, err := c.GetMany(ctx, []string{customer})
	if err != nil {
		return Customer{}, err
	}
	return found[0], nil
}

// atOnce is how many customers are asked for in one pipeline, so that a list of
// any length neither blocks a node of Redis nor fills its output buffer.
const atOnce = 1000

// GetMany reads several customers, in the order given, in one round trip per
// node of Redis and thousand customers. Each one is read by itself: they are not
// of one instant. It fails as a whole.
func (c *Client) GetMany(ctx context.Context, customers []string) ([]Customer, error) {
	found := make([]Customer, 0, len(customers))
	for some := range slices.Chunk(customers, atOnce) {
		read, err := c.read(ctx, some)
		if err != nil {
			return nil, fmt.Errorf("reading segments of namespace %s: %w", c.namespace, err)
		}
		found = append(found, read...)
	}
	return found, nil
}

// Shard is the number of the shard that keeps a customer, known or not: what else
// is stored of him is there too.
func (c *Client) Shard(ctx context.Context, customer string) (int32, error) {
	r, err := c.known(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading segments of namespace %s: %w", c.namespace, err)
	}
	return r.shard(customer), nil
}

// read asks where the customers are thought to be, and again where the answers
// say otherwise.
func (c *Client) read(ctx context.Context, customers []string) ([]Customer, error) {
	r, err := c.known(ctx)
	if err != nil {
		return nil, err
	}
	found, agreed, err := c.ask(ctx, r, customers)
	if err != nil || agreed {
		return found, err
	}
	now, err := c.learn(ctx)
	if err != nil || now.partitions == r.partitions {
		return found, err // a shard without an event says nothing
	}
	found, _, err = c.ask(ctx, now, customers)
	return found, err
}

// place is a shard that is asked.
type place struct {
	keys  keys.Keys
	state *redis.SliceCmd
	asOf  time.Time
}

// ask reads the customers and their shards' stream times in one pipeline. A
// shard is asked before its customers: his record is as of then, or later.
// It also tells whether all shards agree that there are as many as was thought.
func (c *Client) ask(ctx context.Context, r *route, customers []string) (found []Customer, agreed bool, err error) {
	pipe := c.redis.Pipeline()
	places := map[int32]*place{}
	lines := make([]line, len(customers))
	for i, id := range customers {
		shard := r.shard(id)
		p := places[shard]
		if p == nil {
			p = &place{keys: keys.Of(c.namespace, shard)}
			p.state = pipe.HMGet(ctx, p.keys.Shard(), fieldPartitions, fieldClock)
			places[shard] = p
		}
		lines[i] = line{place: p, key: p.keys.Customer(id)}
		lines[i].ask(ctx, pipe)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, false, err
	}
	agreed = true
	for _, p := range places {
		n, err := p.read()
		if err != nil {
			return nil, false, err
		}
		agreed = agreed && n == r.partitions
	}
	found = make([]Customer, len(customers))
	for i := range lines {
		record, err := lines[i].read(ctx, c.redis)
		if err != nil {
			return nil, false, fmt.Errorf("customer %q: %w", customers[i], err)
		}
		found[i] = Customer{ID: customers[i], Segment: record.Segment, Since: instantOf(record.Since), Version: record.Version,
			Next: record.Next, NextAt: instantOf(record.NextAt), AsOf: lines[i].place.asOf}
	}
	return found, agreed, nil
}
