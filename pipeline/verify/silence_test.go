package verify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pkg/partition"
)

// spoken reports that a customer's shard has read its history.
func (l *live) spoken(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, ok := l.shards[partition.Murmur2.Partition(id, local.Partitions)]
	return ok && state.Start != nil && state.Start.Ended != nil
}

// What comes when history has been read, and is older than the end of it, was not
// in its place when that was read.
func TestAnEventThatComesWhenSilenceIsOverIsRight(t *testing.T) {
	for _, publish := range []string{pipeline.PublishSnapshot, pipeline.PublishNone} {
		t.Run(publish, func(t *testing.T) {
			id := neighbours(1)[0]
			line := func(n int, at, rest string) string {
				return fmt.Sprintf(`{"customer_id":%q,"occurred_at":%q,"id":"e%d",%s}`, id, at, n, rest)
			}
			l := newLive(t, publish, 1)
			l.now.Store(at(t, "2026-09-12T00:00:00Z"))
			l.feed(line(1, "2026-09-01T10:00:00Z", `"type":"purchase","amount":"1"`),
				line(2, "2026-09-02T10:00:00Z", `"type":"click","action":"view"`),
				line(3, "2026-09-10T10:00:00Z", `"type":"purchase","amount":"1"`))
			written := make(chan struct{})
			go func() {
				defer close(written)
				for !l.spoken(id) {
					select {
					case <-l.moved:
					case <-t.Context().Done():
						return
					}
				}
				l.feed(line(4, "2026-09-05T10:00:00Z", `"type":"click","action":"view"`),
					line(5, "2026-09-11T10:00:00Z", `"type":"purchase","amount":"1"`))
			}()
			require.False(t, l.run(never, written), "the worker died by itself")
			requireClean(t, l.verify(false))
		})
	}
}
