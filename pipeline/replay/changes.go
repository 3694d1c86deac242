package replay

import (
	"cmp"
	"context"
	"slices"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/change"
)

// published is a change as it was read back.
type published struct {
	head  change.Head
	value []byte
}

// changes reads the published changes back, shard by shard, and gives each to
// visit once. Within a shard they come in order of the time at which they took
// effect, and of customers where that is the same. In the topic customers whose
// deadlines pass lie between those with events in an order that depends on how
// much was done at once; which changes there are, and their order for a
// customer, never does.
func changes(ctx context.Context, w world, visit func(*published) error) error {
	for shard := range w.Partitions() {
		var all []published
		seen := map[string]bool{}
		err := w.Read(ctx, local.Changes, shard, func(record recordbatch.Record) error {
			head, err := change.Parse(record.Value)
			if err != nil {
				return err
			}
			// A shard that had to take itself over again may have sent one twice.
			if !seen[head.ID] {
				seen[head.ID] = true
				all = append(all, published{head, record.Value})
			}
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortStableFunc(all, func(a, b published) int {
			return cmp.Or(
				cmp.Compare(a.head.EffectiveAt, b.head.EffectiveAt),
				cmp.Compare(a.head.Customer, b.head.Customer),
			)
		})
		for i := range all {
			if err := visit(&all[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
