package verify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/store"
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

// A forget that history holds, and clicks that are older and come when it has been
// read: by their times they lie before it, and they came behind it.
func TestAnEventThatComesBehindASilentForgetIsErased(t *testing.T) {
	for _, publish := range []string{pipeline.PublishSnapshot, pipeline.PublishNone} {
		t.Run(publish, func(t *testing.T) {
			id := neighbours(1)[0]
			l := newLive(t, publish, 1)
			l.now.Store(at(t, "2026-09-12T00:00:00Z"))
			consumed := make(chan struct{})
			close(consumed)
			l.put(local.Clicks, id, "k1", at(t, "2026-09-01T10:00:00Z"), click)
			l.put(local.Purchases, id, "f1", at(t, "2026-09-10T10:00:00Z"), forget)
			l.put(local.Purchases, neighbours(2)[1], "p1", at(t, "2026-09-10T10:00:00Z"), purchase)
			require.False(t, l.run(never, consumed), "the worker died by itself")
			l.put(local.Clicks, id, "k2", at(t, "2026-09-02T10:00:00Z"), click)
			l.put(local.Clicks, id, "k3", at(t, "2026-09-11T10:00:00Z"), click)
			require.False(t, l.run(never, consumed), "the worker died by itself")
			r := l.verify(false)
			requireClean(t, r)
			require.EqualValues(t, 4, r.Records.Applied)
			require.EqualValues(t, 1, r.Records.Erased)
		})
	}
}

// What history held at the first start was read by its times, so nothing of it is
// open.
func TestACountOfWhatWasReadInSilenceIsFound(t *testing.T) {
	id := neighbours(1)[0]
	l := newLive(t, pipeline.PublishNone, 1)
	l.now.Store(at(t, "2026-09-12T00:00:00Z"))
	consumed := make(chan struct{})
	close(consumed)
	l.put(local.Clicks, id, "k1", at(t, "2026-09-01T10:00:00Z"), click)
	l.put(local.Purchases, id, "f1", at(t, "2026-09-10T10:00:00Z"), forget)
	require.False(t, l.run(never, consumed), "the worker died by itself")
	l.put(local.Clicks, id, "k2", at(t, "2026-09-11T10:00:00Z"), click)
	require.False(t, l.run(never, consumed), "the worker died by itself")
	requireClean(t, l.verify(false))
	l.field("n:clicks", replaced("applied=2", "applied=1 erased=1"))
	requireFound(t, l.verify(false), "records of clicks counted as applied: 1, expected 2")
}

// While history is read, what comes late happens at the stream time that others
// have brought about, which no change tells.
func TestAnEventThatComesLateIntoSilenceIsRight(t *testing.T) {
	const day = 24 * 3600_000
	for _, publish := range []string{pipeline.PublishSnapshot, pipeline.PublishNone} {
		for _, c := range []struct {
			name, history string
			day           int64 // of it
			late          [4]string
		}{
			{"purchases", "", 0, [4]string{purchase, purchase, purchase, purchase}},
			{"clicks of a buyer", purchase, 0, [4]string{click, click, click, click}},
			{"purchases and clicks", purchase, 0, [4]string{purchase, click, purchase, click}},
			{"a purchase and clicks", "", 0, [4]string{click, purchase, click, click}},
			{"a forget", purchase, 0, [4]string{click, click, purchase, forget}},
			{"a forget behind a deadline", purchase, 555, [4]string{2: forget}},
			{"forgets", purchase, 0, [4]string{forget, forget, forget, forget}},
			{"forgets of nobody", "", 0, [4]string{forget, forget, forget, forget}},
			{"refunds", purchase, 0, [4]string{refund, refund, refund, refund}},
			{"a refund and clicks", purchase, 0, [4]string{click, click, refund, click}},
		} {
			t.Run(publish+"/"+c.name, func(t *testing.T) {
				ids, first := neighbours(3), at(t, "2023-01-01T00:00:00Z")
				l := newLive(t, publish, 1)
				l.now.Store(first + 800*day)
				if c.history != "" {
					l.put(local.Purchases, ids[0], "p", first+c.day*day, c.history)
				}
				for i := range int64(400) {
					l.put(local.Clicks, ids[1], fmt.Sprintf("k%d", i), first+i*2*day, click)
				}
				for i, late := range []struct{ by, at int64 }{{20, 100}, {500, 580}, {20, 640}, {10, 720}} {
					l.last = func(shard int32, state *store.State) bool {
						return shard == theShard && state.Clock >= first+late.at*day
					}
					require.True(t, l.run(never, nil), "history is to be left half read")
					if c.late[i] != "" {
						l.put(local.Purchases, ids[0], fmt.Sprint("late", late.at), first+(late.at-late.by)*day, c.late[i])
					}
				}
				l.last = nil
				consumed := make(chan struct{})
				close(consumed)
				require.False(t, l.run(never, consumed), "the worker died by itself")
				l.put(local.Clicks, ids[2], "aloud", first+800*day, click)
				require.False(t, l.run(never, consumed), "the worker died by itself")
				requireClean(t, l.verify(false))
			})
		}
	}
}
