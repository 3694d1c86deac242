package namespace

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/keys"
)

// ErrLeftovers is the cause of an error where keys are stored under the name of a
// namespace that is not there.
var ErrLeftovers = errors.New("keys are left over of an earlier namespace of this name")

// leftoverLooks bounds the search for leftovers: with scanCount, about ten
// million keys of others on each server, a few seconds.
const leftoverLooks = 5000

// Leftovers fails with ErrLeftovers where there are keys of a namespace whose
// partition count nothing tells: a first start would compute on them. Beyond the
// bound of the search it finds none.
func (n *Namespace) Leftovers(ctx context.Context) error {
	example := ""
	err := n.masters(ctx, func(server *redis.Client) error {
		for cursor, looks := uint64(0), 0; looks < leftoverLooks && example == ""; looks++ {
			found, next, err := server.Scan(ctx, cursor, literal(keys.All(n.name))+"*", scanCount).Result()
			if err != nil {
				return fmt.Errorf("looking for leftovers at %s: %w", server.Options().Addr, err)
			}
			if len(found) > 0 {
				example = found[0]
			}
			if cursor = next; cursor == 0 {
				break
			}
		}
		return nil
	})
	if err != nil || example == "" {
		return err
	}
	// Of two first starts at once one may have found what the other has just made.
	partitions, err := n.Partitions(ctx)
	if err == nil && partitions == 0 {
		err = fmt.Errorf("%w: %q", ErrLeftovers, example)
	}
	return err
}
