package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pipeline/store"
)

// askAtOnce bounds how many shards are asked for at the same time.
const askAtOnce = 8

// namespace compares what is stored with the policy, the partitions and the logs.
func (k *check) namespace(ctx context.Context) error {
	ours := store.Namespace{Policy: k.config.Policy.Version(), Document: k.config.Policy.Document(), Partitions: k.partitions}
	theirs, err := k.Redis.Namespace(ctx)
	if err != nil {
		return k.unreadable(err)
	}
	shards, err := k.shards(ctx)
	if err == nil {
		err = k.try(ctx)
	}
	if err != nil {
		return k.unreadable(err)
	}
	if !k.same(theirs, ours) || !k.sameShards(shards, ours) {
		return nil // the offsets of another namespace tell nothing
	}
	if theirs.Partitions == 0 {
		if err := k.leftovers(ctx, shards); err != nil || len(k.refused) > 0 {
			return k.unreadable(k.Redis.Explain(err))
		}
	}
	if err := k.reach(ctx, shards); err != nil || len(k.refused) > 0 {
		return err
	}
	// Last, so that a start which is refused leaves nothing that has to be undone.
	theirs, err = k.Redis.Claim(ctx, ours)
	if err != nil {
		return k.unreadable(err)
	}
	k.same(theirs, ours)
	return nil
}

// leftovers refuses the first start of a namespace that has keys all the same.
func (k *check) leftovers(ctx context.Context, shards []*store.State) error {
	if slices.ContainsFunc(shards, func(s *store.State) bool { return s != nil && s.Head != "" }) {
		return nil
	}
	client, err := k.Redis.Client(ctx)
	if err != nil {
		return err
	}
	err = namespace.Open(client, k.config.Servers.Namespace).Leftovers(ctx)
	switch {
	case errors.Is(err, namespace.ErrLeftovers):
		k.leftOver(err)
		return nil
	case k.absent && err != nil:
		k.note(err.Error() + ": whether keys are left over there is not known")
		return nil
	}
	return err
}

func (k *check) leftOver(err error) {
	name := k.config.Servers.Namespace
	k.refuse("namespace-leftovers", fmt.Sprintf("namespace %s: %v", name, err), "run tidemark namespace delete -c … --name "+name+" to the end, then start again")
}

// shards reads what is stored of every shard: nil where only a server that is
// silent could tell.
func (k *check) shards(ctx context.Context) ([]*store.State, error) {
	states := make([]*store.State, k.partitions)
	unread := make([]error, k.partitions)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askAtOnce)
	for i := range states {
		group.Go(func() error {
			s, err := k.Redis.Stored(ctx, int32(i))
			switch {
			case err == nil:
				states[i] = &s
			case k.absent && !errors.Is(err, store.ErrUnreadable):
				unread[i] = err
			default:
				return err
			}
			return nil
		})
	}
	err := group.Wait()
	k.postpone(unread)
	return states, err
}

// try has every shard's server run what a worker runs.
func (k *check) try(ctx context.Context) error {
	unknown := make([]error, k.partitions)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askAtOnce)
	for i := range unknown {
		group.Go(func() error {
			err := k.Redis.Try(ctx, int32(i))
			if k.absent && !store.Denied(err) {
				unknown[i] = err
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	k.postpone(unknown)
	return err
}

// postpone notes what could not be compared because a server was silent. The
// take-over of each shard compares it again.
func (k *check) postpone(errs []error) {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) > 0 {
		k.note(fmt.Sprintf("%v: left (%d times in all) to the take-over of the shard, which stops if it finds something wrong", errs[0], len(errs)))
	}
}

// unreadable refuses what this version cannot read; other errors stay.
func (k *check) unreadable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrDeleted):
		k.leftOver(err)
		return nil
	case store.Denied(err):
		k.refuse("redis-rights", err.Error(), "grant that, and see with another start whether it was all")
		return nil
	case !errors.Is(err, store.ErrUnreadable):
		return err
	}
	k.refuse("state-unreadable", err.Error(), "if a newer version wrote it, run that version; else restore Redis from a back-up")
	return nil
}

// same refuses a namespace that was made by another policy or for other
// partitions, and tells what differs.
func (k *check) same(theirs, ours store.Namespace) bool {
	if theirs.Replay != ours.Replay {
		k.refuse("namespace-of-replay", fmt.Sprintf("namespace %s was made by tidemark replay --namespace", k.config.Servers.Namespace),
			"start with a namespace of its own, or delete the replay's: tidemark namespace delete")
		return false
	}
	fine := true
	if theirs.Policy != "" && theirs.Policy != ours.Policy {
		var differences []string
		if theirs.Document != "" {
			for _, d := range k.config.Policy.Differences(theirs.Document) {
				differences = append(differences, d.String())
			}
		}
		k.otherPolicy(theirs.Policy, ours.Policy, differences)
		fine = false
	}
	if theirs.Partitions != 0 && theirs.Partitions != ours.Partitions {
		k.otherPartitions(theirs.Partitions, ours.Partitions)
		fine = false
	}
	return fine
}

// sameShards is same for what the shards themselves know. It decides where the
// namespace's own hash is missing: an older version wrote none, a Redis Cluster
// may lose the node that had it.
func (k *check) sameShards(shards []*store.State, ours store.Namespace) bool {
	for _, s := range shards {
		if s != nil && !k.same(store.Namespace{Policy: s.Policy, Partitions: s.Partitions}, ours) {
			return false
		}
	}
	return true
}

func (k *check) otherPolicy(theirs, ours string, differences []string) {
	reason := fmt.Sprintf("namespace %s was made by policy version %s, but the configuration has %s", k.config.Servers.Namespace, theirs, ours)
	if len(differences) > 0 {
		reason += " (" + strings.Join(differences, ", ") + ")"
	}
	k.refuse("policy-differs", reason, "start with the namespace's policy, or choose another namespace for the new one")
}

func (k *check) otherPartitions(theirs, ours int32) {
	k.refuse("partitions-differ", fmt.Sprintf("namespace %s was made for %d partitions, but the inputs have %d", k.config.Servers.Namespace, theirs, ours),
		"keep the partition count, or choose another namespace and replay")
}
