package store

import (
	"context"
	"errors"
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
	Replay     Replay // of whom the namespace is; the zero Replay: of the workers
}

// Replay is what the processes that replay into a namespace together must agree
// on beside the policy.
type Replay struct {
	Inputs  string // topics, by name, with commas between; empty: this is no replay
	Changes string // topic; empty: nowhere
	Until   string // instant; empty: the last event
}

// fields are the names and values that are stored; those of a replay only where
// it is one.
func (n Namespace) fields() []any {
	fields := []any{"policy", n.Policy, "document", n.Document, "partitions", n.Partitions}
	if n.Replay.Inputs != "" {
		fields = append(fields, "replay:inputs", n.Replay.Inputs, "replay:changes", n.Replay.Changes, "replay:until", n.Replay.Until)
	}
	return fields
}

// claim stores the namespace unless one is stored.
//
// KEYS: namespace. ARGV: fields and values.
var claim = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
`)

// Namespace reads what is stored of the namespace itself. Shards may be stored
// though it is not: it was introduced after them, or lost alone.
func (r *Redis) Namespace(ctx context.Context) (Namespace, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return Namespace{}, err
	}
	fields, err := client.HGetAll(ctx, keys.Namespace(r.config.Namespace)).Result()
	if err != nil {
		return Namespace{}, fmt.Errorf("reading the namespace: %w", r.config.explain(err))
	}
	return parseNamespace(fields)
}

// Claim stores n unless a namespace is stored already, and returns the one that
// is: of two workers that start at once with different policies one is told so.
func (r *Redis) Claim(ctx context.Context, n Namespace) (Namespace, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return Namespace{}, err
	}
	err = claim.Run(ctx, client, []string{keys.Namespace(r.config.Namespace)}, n.fields()...).Err()
	if err != nil && !errors.Is(err, redis.Nil) { // the script answers nothing
		return Namespace{}, fmt.Errorf("storing the namespace: %w", r.config.explain(err))
	}
	return r.Namespace(ctx)
}

// Try finds out whether the user may run every command of a shard's work where the
// shard is. It changes nothing.
func (r *Redis) Try(ctx context.Context, shard int32) error {
	client, err := r.Client(ctx)
	if err != nil {
		return err
	}
	err = try.Run(ctx, client, []string{keys.Of(r.config.Namespace, shard).Trial()}).Err()
	if err != nil && !errors.Is(err, redis.Nil) { // the script answers nothing
		return fmt.Errorf("trying what shard %d needs: %w", shard, r.config.explain(err))
	}
	return nil
}

func parseNamespace(fields map[string]string) (Namespace, error) {
	if fields[Deleted] != "" {
		return Namespace{}, ErrDeleted
	}
	n := Namespace{Policy: fields["policy"], Document: fields["document"],
		Replay: Replay{Inputs: fields["replay:inputs"], Changes: fields["replay:changes"], Until: fields["replay:until"]}}
	partitions := fields["partitions"]
	if partitions == "" {
		return n, nil
	}
	count, err := strconv.ParseInt(partitions, 10, 32)
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
		return State{}, fmt.Errorf("reading shard %d: %w", shard, r.config.explain(err))
	}
	state, err := ParseState(fields, r.config.Topics)
	if err != nil {
		return State{}, fmt.Errorf("reading shard %d: %w", shard, err)
	}
	return state, nil
}
