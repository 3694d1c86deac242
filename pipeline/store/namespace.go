package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/keys"
)

// Namespace is what all shards of a namespace share: the rules that made it. The
// zero Namespace is one that nothing is stored of.
type Namespace struct {
	Policy     string // version
	Document   string // of the policy: what the version is a hash of
	Partitions int32  // of the inputs
}

// claim stores the namespace unless one is stored, and answers what is stored then.
//
// KEYS: namespace. ARGV: policy version, document, partitions.
var claim = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'policy', ARGV[1], 'document', ARGV[2], 'partitions', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'policy', 'document', 'partitions')
`)

// Namespace reads what is stored of the namespace itself. Shards may be stored
// though it is not: it was introduced after them, or lost alone.
func (r *Redis) Namespace(ctx context.Context) (Namespace, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return Namespace{}, err
	}
	reply, err := client.HMGet(ctx, keys.Namespace(r.config.Namespace), "policy", "document", "partitions").Result()
	if err != nil {
		return Namespace{}, fmt.Errorf("reading the namespace: %w", explain(err))
	}
	return parseNamespace(reply)
}

// Claim stores n unless a namespace is stored already, and returns the one that
// is: of two workers that start at once with different policies one is told so.
func (r *Redis) Claim(ctx context.Context, n Namespace) (Namespace, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return Namespace{}, err
	}
	reply, err := claim.Run(ctx, client, []string{keys.Namespace(r.config.Namespace)}, n.Policy, n.Document, n.Partitions).Slice()
	if err != nil {
		return Namespace{}, fmt.Errorf("storing the namespace: %w", explain(err))
	}
	return parseNamespace(reply)
}

func parseNamespace(reply []any) (Namespace, error) {
	var text [3]string
	for i := range min(len(text), len(reply)) {
		text[i], _ = reply[i].(string)
	}
	n := Namespace{Policy: text[0], Document: text[1]}
	if text[2] == "" {
		return n, nil
	}
	count, err := strconv.ParseInt(text[2], 10, 32)
	if err != nil {
		return Namespace{}, fmt.Errorf("reading the namespace: %w: partitions: %w", ErrUnreadable, err)
	}
	n.Partitions = int32(count)
	return n, nil
}

// Stored reads the shard's hash without taking anything over; a shard that never
// ran has no Head.
func (r *Redis) Stored(ctx context.Context, shard int32) (State, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return State{}, err
	}
	fields, err := client.HGetAll(ctx, keys.Of(r.config.Namespace, shard).Shard()).Result()
	if err != nil {
		return State{}, fmt.Errorf("reading shard %d: %w", shard, explain(err))
	}
	state, err := ParseState(fields, r.config.Topics)
	if err != nil {
		return State{}, fmt.Errorf("reading shard %d: %w", shard, err)
	}
	return state, nil
}
