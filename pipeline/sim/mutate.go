package sim

import (
	"maps"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/planted"
)

// mutateCounts is a script that increments the counters of consumed records by
// what is new in a batch, and does so before it compares the head: nothing takes
// that back where the batch is refused.
func (c *conn) mutateCounts(b *store.Commit) *store.Commit {
	old := c.redis.data(c.shard)
	stored, err := store.ParseState(old.hash, c.topics)
	if err != nil || !planted.CountsIncremented.On() {
		return b
	}
	sum := b.State.Clone()
	for i := range sum.Topics {
		was, now, counts := &c.known.Topics[i].Counts, &b.State.Topics[i].Counts, &stored.Topics[i].Counts
		counts.Consumed += now.Consumed - was.Consumed
		counts.Applied += now.Applied - was.Applied
		sum.Topics[i].Counts = *counts
	}
	c.known = b.State.Clone()
	d := *old
	d.hash = maps.Clone(old.hash)
	fields := stored.Fields(nil)
	for i := 0; i < len(fields); i += 2 {
		d.hash[fields[i]] = fields[i+1]
	}
	c.redis.replace(c.shard, &d)
	again := *b
	again.State = &sum
	return &again
}
