package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/instant"
)

// Source is a log that can be read from one end to the other; *source.Client is one.
type Source interface {
	Topics
	Bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error)
	Scan(ctx context.Context, topic string, partition int32, from, to int64, visit func(*recordbatch.Record) error) error
}

// Filter chooses letters.
type Filter struct {
	Reasons []string // none: all
	Since   int64    // rejected at or after, unix ms; instant.None: from the first on
	Until   int64    // rejected before, unix ms; instant.None: to the last
}

func (f *Filter) wants(l *Letter) bool {
	return (len(f.Reasons) == 0 || slices.Contains(f.Reasons, l.Reason)) &&
		(f.Since == instant.None || l.RejectedAt >= f.Since) &&
		(f.Until == instant.None || l.RejectedAt < f.Until)
}

// Place is where in the dead-letter topic a letter lies.
type Place struct {
	Partition int32
	Offset    int64
}

// ErrEnough ends Read without being an error of it.
var ErrEnough = errors.New("enough")

// Read visits the letters that the topic holds now, partition by partition, each
// in its order. It returns how many records are no letters: others wrote them,
// and they are passed over. A letter stays as it is after the visit.
func Read(ctx context.Context, from Source, topic string, filter Filter, visit func(Place, *Letter) error) (foreign int, err error) {
	count, err := from.Partitions(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("reading dead letters: %w", err)
	}
	for partition := range count {
		start, end, err := from.Bounds(ctx, topic, partition)
		if err != nil {
			return foreign, fmt.Errorf("reading dead letters: %w", err)
		}
		err = from.Scan(ctx, topic, partition, start, end, func(r *recordbatch.Record) error {
			letter, err := Parse(r)
			if err != nil {
				foreign++
				return nil
			}
			if !filter.wants(&letter) {
				return nil
			}
			return visit(Place{partition, r.Offset}, &letter)
		})
		if errors.Is(err, ErrEnough) {
			return foreign, nil
		}
		if err != nil {
			return foreign, fmt.Errorf("reading dead letters: %w", err)
		}
	}
	return foreign, nil
}
