package deadletter

import (
	"bytes"
	"context"
	"fmt"

	"github.com/tidemark/tidemark/pipeline/source"
)

// noTime is the timestamp of a record that has none.
const noTime = -1

// times finds out when letters were first written. A letter does not tell, but
// its record still lies where it was read, unless retention has deleted it.
type times struct{ inputs finder }

// of returns the time of the letter's record: what decoding took for it. Where the
// record is not there any more, it is what the letter itself tells: the time it was
// forwarded with, or when it was rejected, which is not earlier than the record's.
func (t *times) of(ctx context.Context, l *Letter) (int64, error) {
	r, _, err := t.inputs.find(ctx, target{l.Topic, l.Partition}, l.Offset)
	if err != nil {
		return 0, fmt.Errorf("looking for the record of a dead letter: %w", err)
	}
	if r == nil || !bytes.Equal(r.Key, l.Key) || !bytes.Equal(r.Value, l.Value) {
		return source.Forwarded(l.RejectedAt, l.Headers), nil // it is gone, or another log has taken its place
	}
	return source.Timestamp(r), nil
}
