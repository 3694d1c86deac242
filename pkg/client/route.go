package client

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
)

// route is what decides in which shard a customer is.
type route struct {
	partitioner partition.Partitioner
	partitions  int32
}

func (r *route) shard(customer string) int32 { return r.partitioner.Partition(customer, r.partitions) }

// Fields of the namespace's hash and of a shard's.
const (
	fieldPartitions = "partitions"
	fieldDocument   = "document"
	fieldClock      = "clock"
)

// known is the route as it was learnt once.
func (c *Client) known(ctx context.Context) (*route, error) {
	if r := c.route.Load(); r != nil {
		return r, nil
	}
	return c.learn(ctx)
}

// learn reads the route, and keeps it: it does not change while a namespace
// lives. One that is deleted and made anew with another number of shards is
// noticed by the answers.
func (c *Client) learn(ctx context.Context) (*route, error) {
	pipe := c.redis.Pipeline()
	stored := pipe.HMGet(ctx, keys.Namespace(c.namespace), fieldPartitions, fieldDocument)
	shard := pipe.HMGet(ctx, keys.Of(c.namespace, 0).Shard(), fieldPartitions)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	r := &route{partitioner: c.partitioner}
	var err error
	if document, ok := stored.Val()[1].(string); ok {
		if r.partitioner, err = partitionerOf(document); err != nil {
			return nil, err
		}
	}
	// A namespace of an early release says it in its shards alone.
	for _, field := range []any{stored.Val()[0], shard.Val()[0]} {
		if r.partitions == 0 {
			if r.partitions, err = count(field); err != nil {
				return nil, err
			}
		}
	}
	if r.partitions == 0 {
		return nil, ErrNoNamespace
	}
	c.route.Store(r)
	return r, nil
}

// partitionerOf finds the partitioner in a policy's document, which has a line
// for each setting: partitioner="murmur2".
func partitionerOf(document string) (partition.Partitioner, error) {
	for line := range strings.Lines(document) {
		if value, ok := strings.CutPrefix(line, "partitioner="); ok {
			return partition.Parse(strings.Trim(value, "\"\n"))
		}
	}
	return 0, fmt.Errorf("the stored policy names no partitioner: update this client")
}

// read takes the shard's answer: how many shards there are, 0 where it has had no
// event and does not know.
func (p *place) read() (partitions int32, err error) {
	fields, err := p.state.Result()
	if err != nil {
		return 0, err
	}
	if clock, ok := fields[1].(string); ok && clock != "" {
		ms, err := strconv.ParseInt(clock, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("the shard's stream time is %q: something else than Tidemark wrote it", clock)
		}
		p.asOf = instantOf(ms)
	}
	return count(fields[0])
}

// count reads a number of shards, 0 where there is none.
func count(field any) (int32, error) {
	text, ok := field.(string)
	if !ok || text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("the number of shards is %q: something else than Tidemark wrote it", text)
	}
	return int32(n), nil
}

// instantOf is the zero time for none.
func instantOf(ms int64) time.Time {
	if ms == instant.None {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
