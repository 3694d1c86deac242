package namespace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Report is what is stored of a namespace.
type Report struct {
	Namespace  string `json:"namespace"`
	Policy     string `json:"policy"`     // version
	Document   string `json:"document"`   // of the policy: one setting a line; empty: an early release stored none
	Partitions int32  `json:"partitions"` // shards that there can be
	Shards     int    `json:"shards"`     // shards that had an event

	// Earliest and Latest are the shards' stream times; null before the first event.
	Earliest *string `json:"stream_time_min"`
	Latest   *string `json:"stream_time_max"`

	Customers int64            `json:"customers"` // known ones, forgotten ones among them
	Segments  map[string]int64 `json:"segments"`
	Timers    int64            `json:"timers"`       // armed deadlines
	Outbox    int64            `json:"outbox_bytes"` // of changes that Kafka has not acknowledged
	Keys      []Keys           `json:"keys"`

	// PerCustomer is how many bytes Redis needs for each: all keys, by the samples.
	PerCustomer int64 `json:"bytes_per_customer"`
	Measured    bool  `json:"measured"` // false: this Redis does not tell how much memory keys need

	clocks []int64 // of the shards, unix ms
}

// Keys are the keys of one kind.
type Keys struct {
	Kind    Kind  `json:"kind"`
	Keys    int64 `json:"keys"`
	Bytes   int64 `json:"bytes"`   // of all, as far as the samples can tell
	Sampled int64 `json:"sampled"` // keys whose memory was asked for
}

// samples is how many keys of a kind are asked for their memory: enough for an
// average that is right within some percent.
const samples = 2000

// Inspect reads what is stored. Workers may run meanwhile: then it is nobody's
// state at any one instant. seen is told how many keys have been visited.
func (n *Namespace) Inspect(ctx context.Context, seen func(keys int64)) (*Report, error) {
	r := &Report{Namespace: n.name, Segments: map[string]int64{}, Measured: true}
	err := n.inspect(ctx, r, seen)
	if err != nil {
		return nil, fmt.Errorf("inspecting namespace %s: %w", n.name, err)
	}
	return r, nil
}

func (n *Namespace) inspect(ctx context.Context, r *Report, seen func(int64)) (err error) {
	if r.Partitions, err = n.Partitions(ctx); err != nil {
		return err
	}
	stored, err := n.redis.HMGet(ctx, keys.Namespace(n.name), "policy", "document").Result()
	if err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	r.Policy, _ = stored[0].(string)
	r.Document, _ = stored[1].(string)
	for shard := range r.Partitions {
		if err := n.addShard(ctx, r, shard); err != nil {
			return fmt.Errorf("reading shard %d: %w", shard, err)
		}
	}
	r.spread()
	return n.weigh(ctx, r, seen)
}

// addShard takes in what a shard says of itself.
func (n *Namespace) addShard(ctx context.Context, r *Report, shard int32) error {
	k := keys.Of(n.name, shard)
	pipe := n.redis.Pipeline()
	hash := pipe.HGetAll(ctx, k.Shard())
	timers := pipe.ZCard(ctx, k.Timers())
	outbox := pipe.StrLen(ctx, k.Outbox())
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	fields := hash.Val()
	r.Timers += timers.Val()
	r.Outbox += outbox.Val()
	if len(fields) == 0 {
		return nil
	}
	r.Shards++
	if r.Policy == "" {
		r.Policy = fields["policy"]
	}
	for s := segment.Loyal; s < segment.Count; s++ {
		size, _ := strconv.ParseInt(fields["size:"+s.String()], 10, 64) // absent: none
		r.Segments[s.String()] += size
	}
	if clock, err := strconv.ParseInt(fields["clock"], 10, 64); err == nil {
		r.clocks = append(r.clocks, clock)
	}
	return nil
}

// spread says between which stream times the shards are.
func (r *Report) spread() {
	if len(r.clocks) > 0 {
		earliest, latest := instant.Format(slices.Min(r.clocks)), instant.Format(slices.Max(r.clocks))
		r.Earliest, r.Latest = &earliest, &latest
	}
}

// tally counts the keys of one kind on one server, and keeps a fair sample.
type tally struct {
	keys   int64
	sample []string
}

func (t *tally) add(name string) {
	t.keys++
	if len(t.sample) < samples {
		t.sample = append(t.sample, name)
	} else if i := rand.Int64N(t.keys); i < samples {
		t.sample[i] = name
	}
}

// weigh counts the keys, and asks some of each kind how much memory they need.
func (n *Namespace) weigh(ctx context.Context, r *Report, seen func(int64)) error {
	all := map[Kind]*Keys{}
	visited := int64(0)
	err := n.masters(ctx, func(server *redis.Client) error {
		tallies := map[Kind]*tally{}
		err := scan(ctx, server, keys.All(n.name), func(found []string) error {
			for _, name := range found {
				kind := n.parse(name).kind
				if tallies[kind] == nil {
					tallies[kind] = &tally{}
				}
				tallies[kind].add(name)
			}
			visited += int64(len(found))
			seen(visited)
			return nil
		})
		if err != nil {
			return err
		}
		for kind, t := range tallies {
			if all[kind] == nil {
				all[kind] = &Keys{Kind: kind}
			}
			if err := n.ask(ctx, server, t, all[kind], r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var bytes int64
	for _, kind := range Kinds {
		if k := all[kind]; k != nil {
			r.Keys = append(r.Keys, *k)
			bytes += k.Bytes
		}
	}
	slices.SortStableFunc(r.Keys, func(a, b Keys) int { return cmp.Compare(b.Bytes, a.Bytes) })
	if k := all[Customers]; k != nil {
		r.Customers = k.Keys
		r.PerCustomer = bytes / k.Keys
	}
	return nil
}

// ask measures a sample, and takes it for all keys of its kind on this server.
func (n *Namespace) ask(ctx context.Context, server *redis.Client, t *tally, into *Keys, r *Report) error {
	into.Keys += t.keys
	pipe := server.Pipeline()
	for _, name := range t.sample {
		pipe.MemoryUsage(ctx, name)
	}
	replies, err := pipe.Exec(ctx)
	if err != nil && !errors.Is(err, redis.Nil) {
		// A Redis that is managed by others may not know the command, or forbid it.
		if text := err.Error(); strings.HasPrefix(text, "ERR ") || strings.HasPrefix(text, "NOPERM ") {
			r.Measured = false
			return nil
		}
		return fmt.Errorf("asking for the memory of keys at %s: %w", server.Options().Addr, err)
	}
	var sum, sampled int64
	for _, reply := range replies {
		if reply.Err() == nil { // else it is gone by now
			sum += reply.(*redis.IntCmd).Val()
			sampled++
		}
	}
	if sampled > 0 {
		into.Sampled += sampled
		into.Bytes += int64(float64(sum) / float64(sampled) * float64(t.keys))
	}
	return nil
}
