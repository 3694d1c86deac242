package verify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
)

// An event that is dated before the end of a tombstone may have come behind it:
// the versions begin anew then, which the log alone does not tell.
func TestAnEventBehindATombstoneThatIsDatedBeforeItsEndIsRight(t *testing.T) {
	id := neighbours(1)[0]
	l := newLive(t, pipeline.PublishAll, 1)
	consumed := make(chan struct{})
	close(consumed)
	for i, step := range []struct{ now, at, rest string }{
		{"2026-01-02T00:00:00Z", "2026-01-01T10:00:00Z", `"type":"purchase","amount":"1"`},
		{"2026-01-04T00:00:00Z", "2026-01-03T10:00:00Z", `"type":"forget"`},
		{"2027-02-01T00:00:00Z", "2026-06-01T10:00:00Z", `"type":"refund","order_id":"o9","amount":"1"`},
	} {
		l.now.Store(at(t, step.now))
		l.feed(fmt.Sprintf(`{"customer_id":%q,"occurred_at":%q,"id":"e%d",%s}`, id, step.at, i, step.rest))
		require.False(t, l.run(never, consumed), "the worker died by itself")
	}
	r := l.verify(false)
	requireClean(t, r)
	require.EqualValues(t, 3, r.Records.Applied)
	require.EqualValues(t, 2, r.Changes)
}
