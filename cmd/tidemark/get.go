package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

func getCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "get CUSTOMER",
		Short: "Show one customer's segment, profile and next change",
		Long: `Read a customer from Redis: the segment and since when, the orders of the window,
and what comes next if nothing happens. It works while the pipeline runs, and
changes nothing. A customer without a segment is an error.`,
		Example: `  tidemark get c-42
  tidemark get c-42 --redis localhost:6379 --namespace shop
  tidemark get c-42 -c tidemark.yaml --output json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misusef("name one customer: tidemark get c-42")
			}
			return nil
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	addrs := flags.StringSlice("redis", nil, "host:port of Redis, several for a cluster (default localhost:6379)")
	namespace := flags.String("namespace", "", "the namespace (default shop)")
	output := flags.String("output", "text", "text, or json: the line of replay --profiles")
	file := configFlag(c, "a configuration that names Redis, the namespace and the policy")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *output != "text" && *output != "json" {
			return misusef("--output %q: write text or json", *output)
		}
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		if len(*addrs) > 0 {
			loaded.Redis.Addrs = *addrs
		}
		if *namespace != "" {
			loaded.Namespace = *namespace
		}
		found, err := lookup(c.Context(), loaded, args[0])
		if err != nil {
			return err
		}
		if *output == "json" {
			return found.json(c.OutOrStdout())
		}
		return found.text(c.OutOrStdout())
	}
	return c
}

// standing is how a customer stands.
type standing struct {
	id      string
	profile profile.Profile
	clock   int64 // stream time of his shard
	policy  *policy.Policy
}

// lookup reads a customer and the stream time of his shard.
func lookup(ctx context.Context, c *config.Config, id string) (*standing, error) {
	redis, err := openStore(c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = redis.Close() }() // nothing was written
	shard, err := shardOf(ctx, redis, c, id)
	if err != nil {
		return nil, err
	}
	var state store.State
	value, err := read(ctx, redis, shard, func(ctx context.Context, s store.Session) (_ [][]byte, err error) {
		if state, err = s.Head(ctx); err != nil {
			return nil, err
		}
		return s.Load(ctx, []string{id})
	})
	switch {
	case err != nil:
		return nil, unreachable(c, err)
	case state.Policy != "" && state.Policy != c.Policy.Version():
		// The window would be another policy's: the answer wrong.
		return nil, fmt.Errorf("namespace %s was made by policy version %s, not %s (%s): give its configuration with -c",
			c.Namespace, state.Policy, c.Policy.Version(), c.Policy.Name)
	}
	found := &standing{id: id, profile: profile.New(), clock: state.Clock, policy: c.Policy}
	if value[0] != nil {
		if err := found.profile.Decode(value[0]); err != nil {
			return nil, fmt.Errorf("reading customer %q: %w", id, err)
		}
	}
	if found.profile.Segment == segment.None {
		return nil, fmt.Errorf("customer %q has no segment in namespace %s: no event of his was applied yet, or he was forgotten", id, c.Namespace)
	}
	return found, nil
}

// shardOf finds where a customer is kept.
func shardOf(ctx context.Context, redis *store.Redis, c *config.Config, id string) (int32, error) {
	segments, err := openSegments(ctx, c, redis)
	if err != nil {
		return 0, err
	}
	shard, err := segments.Shard(ctx, id)
	if errors.Is(err, client.ErrNoNamespace) {
		return 0, nothingStored(c)
	}
	if err != nil {
		return 0, unreachable(c, err)
	}
	return shard, nil
}

// read uses one session of a shard.
func read[T any](ctx context.Context, redis *store.Redis, shard int32, use func(context.Context, store.Session) (T, error)) (T, error) {
	session, err := redis.Session(ctx, shard)
	if err != nil {
		var none T
		return none, err
	}
	result, err := use(ctx, session)
	return result, errors.Join(err, session.Close())
}

func (s *standing) json(w io.Writer) error {
	line := replay.NewProfileWriter(s.policy).Append(nil, s.id, &s.profile, s.clock)
	_, err := w.Write(append(line, '\n'))
	return err
}

func (s *standing) text(w io.Writer) error {
	summary := rfm.Summarize(&s.profile, s.clock, int64(s.policy.Window))
	decimals, _ := money.Decimals(s.policy.BaseCurrency)
	next := "nothing, unless he does something"
	if s.profile.Next != segment.None {
		next = fmt.Sprintf("%s at %s, if nothing happens", s.profile.Next, instant.Format(s.profile.NextAt))
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"customer", s.id},
		{"segment", fmt.Sprintf("%s since %s (version %d)", s.profile.Segment, instant.Format(s.profile.Since), s.profile.Version)},
		{"next", next},
		{"orders", fmt.Sprintf("%d within %s, %s %s", summary.Orders, s.policy.Window, money.Append(nil, summary.Monetary, decimals), s.policy.BaseCurrency)},
		{"first seen", when(summary.FirstSeen)},
		{"last order", when(summary.LastOrder)},
		{"last seen", when(summary.LastSeen)},
		{"as of", when(s.clock)},
	} {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	return table.Flush()
}

func when(ms int64) string {
	if ms == instant.None {
		return "never"
	}
	return instant.Format(ms)
}
