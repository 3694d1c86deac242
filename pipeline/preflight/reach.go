package preflight

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/store"
)

// gap is a stored offset that is outside of its log.
type gap struct {
	topic     string
	partition int32
	offset    int64
	bound     int64 // the log's start, or its end
	late      bool  // the log begins behind the offset, and does not end before it
}

// reach compares the stored offsets with the logs: 0 where nothing is stored.
// The states were read before the bounds, so workers that run meanwhile move
// only what the offsets are compared with, to the right side.
func (k *check) reach(ctx context.Context, shards []*store.State) error {
	var (
		gaps    []gap
		unknown []error
		mu      sync.Mutex
	)
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(askAtOnce)
	compare := func(topic string, partition int32, offset int64) {
		group.Go(func() error {
			start, end, err := k.Client.Bounds(asking, topic, partition)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil && !k.absent:
				return err
			case err != nil:
				unknown = append(unknown, err)
			case offset < start:
				gaps = append(gaps, gap{topic, partition, offset, start, true})
			case offset > end:
				gaps = append(gaps, gap{topic, partition, offset, end, false})
			}
			return nil
		})
	}
	for shard, s := range shards {
		if s == nil {
			continue
		}
		for i := range s.Topics {
			compare(s.Topics[i].Name, int32(shard), s.Topics[i].Next)
		}
		compare(k.use.Changes, int32(shard), s.Pub)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	k.postpone(unknown)
	slices.SortFunc(gaps, func(a, b gap) int { return int(a.partition - b.partition) })
	for _, topic := range k.use.Names() {
		for _, late := range []bool{true, false} {
			k.tell(slices.DeleteFunc(slices.Clone(gaps), func(g gap) bool { return g.topic != topic || g.late != late }))
		}
	}
	return nil
}

// tell tells of a topic's gaps of one kind, with the first one's numbers.
func (k *check) tell(gaps []gap) {
	if len(gaps) == 0 {
		return
	}
	g := gaps[0]
	more := ""
	switch n := len(gaps) - 1; {
	case n == 1:
		more = " (so in 1 more partition)"
	case n > 1:
		more = fmt.Sprintf(" (so in %d more partitions)", n)
	}
	const (
		accept  = "restore the topic, or set start.accept_truncated: true to go on with what there is"
		repeats = "restore the topic, or set start.accept_truncated: true to go on, with versions that may repeat"
		find    = "find out whether the topic was recreated or lost its tail; then restore it, or delete the namespace and begin again"
	)
	begins := fmt.Sprintf("topic %s begins at offset %d in partition %d, but %d is needed%s", g.topic, g.bound, g.partition, g.offset, more)
	changes := g.topic == k.use.Changes
	switch {
	case k.config.AcceptTruncated && (changes || g.late):
		k.note(fmt.Sprintf("partition %d of topic %s does not reach to offset %d but only to %d%s: accepted by start.accept_truncated", g.partition, g.topic, g.offset, g.bound, more))
	case changes && g.late:
		k.refuse("changes-truncated", "changes "+begins, repeats)
	case changes:
		k.refuse("changes-shorter", fmt.Sprintf("changes topic %s ends at offset %d in partition %d, but was acknowledged up to %d%s", g.topic, g.bound, g.partition, g.offset, more), repeats)
	case g.late:
		k.refuse("log-truncated", begins, accept)
	default:
		k.refuse("log-shorter", fmt.Sprintf("topic %s ends at offset %d in partition %d, but was consumed up to %d%s", g.topic, g.bound, g.partition, g.offset, more), find)
	}
}
