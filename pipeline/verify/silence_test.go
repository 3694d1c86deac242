package verify_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/profile"
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

const day = 24 * 3600_000

// silently runs a test with each way of starting in silence.
func silently(t *testing.T, run func(*live, []string, int64)) {
	for _, publish := range []string{pipeline.PublishSnapshot, pipeline.PublishNone} {
		t.Run(publish, func(t *testing.T) {
			run(newLive(t, publish, 1), neighbours(3), at(t, "2023-01-01T00:00:00Z"))
		})
	}
}

// readUntil leaves history half read.
func (l *live) readUntil(clock int64) {
	l.t.Helper()
	l.runUntil(func(state *store.State) bool { return state.Clock >= clock })
}

// history is two years of somebody's clicks.
func (l *live) history(id string, first int64) {
	l.now.Store(first + 800*day)
	for i := range int64(400) {
		l.put(local.Clicks, id, fmt.Sprintf("k%d", i), first+i*2*day, click)
	}
}

// aloud has something told when silence is over, and verifies.
func (l *live) aloud(id string, at int64) *verify.Report {
	l.t.Helper()
	l.put(local.Clicks, id, "aloud", at, click)
	l.drain()
	r := l.verify(false)
	requireClean(l.t, r)
	return r
}

// A forget that history holds, and clicks that are older and come when it has been
// read: by their times they lie before it, and they came behind it.
func TestAnEventThatComesBehindASilentForgetIsErased(t *testing.T) {
	silently(t, func(l *live, ids []string, first int64) {
		l.now.Store(first + 12*day)
		l.put(local.Clicks, ids[0], "k1", first, click)
		l.put(local.Purchases, ids[0], "f1", first+9*day, forget)
		l.put(local.Purchases, ids[1], "p1", first+9*day, purchase)
		l.drain()
		l.put(local.Clicks, ids[0], "k2", first+day, click)
		r := l.aloud(ids[0], first+10*day)
		require.EqualValues(t, 4, r.Records.Applied)
		require.EqualValues(t, 1, r.Records.Erased)
	})
}

// While history is read, what comes late happens at the stream time that others
// have brought about, which no change tells.
func TestAnEventThatComesLateIntoSilenceIsRight(t *testing.T) {
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
		t.Run(c.name, func(t *testing.T) {
			silently(t, func(l *live, ids []string, first int64) {
				if c.history != "" {
					l.put(local.Purchases, ids[0], "p", first+c.day*day, c.history)
				}
				l.history(ids[1], first)
				for i, late := range []struct{ by, at int64 }{{20, 100}, {500, 580}, {20, 640}, {10, 720}} {
					l.readUntil(first + late.at*day)
					if c.late[i] != "" {
						l.put(local.Purchases, ids[0], fmt.Sprint("late", late.at), first+(late.at-late.by)*day, c.late[i])
					}
				}
				l.drain()
				l.aloud(ids[2], first+800*day)
			})
		})
	}
}

// Many events of one customer, anywhere and late, a forget among them more than once.
func TestAnyEventsMayComeLateIntoSilence(t *testing.T) {
	kinds := []string{click, click, purchase, purchase, forget, refund, `"type":"purchase","order_id":"p","amount":"3"`}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			silently(t, func(l *live, ids []string, first int64) {
				r, n := rand.New(rand.NewPCG(seed, 9)), 0
				put := func(topic string, at int64) {
					kind, id := kinds[r.IntN(len(kinds))], fmt.Sprint("e", n)
					if kind == forget && r.IntN(3) == 0 {
						id = "same"
					}
					n++
					l.put(topic, ids[0], id, first+at*day+r.Int64N(day), kind)
				}
				for range 3 {
					put(local.Purchases, r.Int64N(200))
					put(local.Clicks, r.Int64N(20))
				}
				l.history(ids[1], first)
				for at := int64(0); ; {
					if at += 20 + r.Int64N(300); at > 740 {
						break
					}
					l.readUntil(first + at*day)
					for range r.IntN(3) {
						put([]string{local.Purchases, local.Clicks}[r.IntN(5)/4], max(0, at-r.Int64N(400)))
					}
				}
				l.drain()
				put(local.Purchases, 800-r.Int64N(300))
				l.drain()
				l.aloud(ids[2], first+800*day)
			})
		})
	}
}

// A tombstone is of the last forget of its id, which may come long after the first.
func TestAForgetThatComesTwiceIntoSilenceIsRight(t *testing.T) {
	silently(t, func(l *live, ids []string, first int64) {
		l.put(local.Purchases, ids[0], "p", first, purchase)
		l.history(ids[1], first)
		l.put(local.Clicks, ids[0], "b", first+790*day, purchase)
		l.readUntil(first + 265*day)
		l.put(local.Purchases, ids[0], "same", first+96*day, forget)
		l.put(local.Clicks, ids[0], "same", first, forget)
		l.drain()
		l.aloud(ids[2], first+800*day)
	})
}

// A refund has waited in vain before a forget that comes late into silence.
func TestAForgetBehindARefundThatWaitedInVainIsRight(t *testing.T) {
	silently(t, func(l *live, ids []string, first int64) {
		l.put(local.Purchases, ids[0], "r", first, refund)
		l.history(ids[1], first)
		l.readUntil(first + 394*day)
		l.put(local.Purchases, ids[0], "f", first+223*day, forget)
		l.drain()
		l.put(local.Purchases, ids[0], "after", first+799*day, click)
		l.aloud(ids[2], first+800*day)
	})
}

// What came when silence was over may have been too old by then, which shows in
// nothing but the count; or a forget, which shows in a tombstone.
func TestAnEventThatComesBehindSilenceIsRight(t *testing.T) {
	silently(t, func(l *live, ids []string, first int64) {
		l.now.Store(first + 300*day)
		l.put(local.Clicks, ids[0], "x0", first, click)
		l.put(local.Clicks, ids[0], "x20", first+20*day, click)
		l.put(local.Clicks, ids[1], "y300", first+300*day, refund)
		l.drain()
		l.now.Store(first + 390*day)
		l.put(local.Clicks, ids[1], "y390", first+390*day, refund)
		l.drain()
		l.put(local.Purchases, ids[0], "late", first+10*day, click)
		l.put(local.Purchases, ids[2], "forget", first+10*day, forget)
		l.drain()
		require.EqualValues(t, 1, l.aloud(ids[2], first+391*day).Records.Stale)
	})
}

// A deadline that passed in silence is nobody's until somebody looks: a worker that
// ends with silence has not looked.
func TestAWorkerThatEndsWithSilenceIsRight(t *testing.T) {
	silently(t, func(l *live, ids []string, first int64) {
		l.now.Store(first + 60*day)
		l.put(local.Clicks, ids[0], "x", first, click)
		l.put(local.Clicks, ids[1], "y", first+60*day, click)
		l.runUntil(func(state *store.State) bool { return state.Start != nil && state.Start.Ended != nil })
		r := l.verify(false)
		require.Empty(t, r.First)
		require.True(t, r.Good())
		require.EqualValues(t, 1, r.Due)
		l.drain()
		require.Zero(t, l.aloud(ids[2], first+60*day).Due)
	})
}

// A refund that waited in vain is counted when somebody looks, and at a churned
// customer nobody does.
func TestARefundThatWaitsBeyondSilenceIsRight(t *testing.T) {
	silently(t, func(l *live, ids []string, first int64) {
		l.now.Store(first + 800*day)
		l.put(local.Purchases, ids[0], "b", first, purchase)
		l.put(local.Purchases, ids[0], "r", first+200*day, refund)
		l.put(local.Clicks, ids[1], "y", first+799*day, click)
		l.drain()
		l.aloud(ids[2], first+800*day)
	})
}

// What the log does tell of silence is not open.
func TestWhatIsWrongSinceSilenceIsFound(t *testing.T) {
	t.Run("a count of history", func(t *testing.T) {
		silently(t, func(l *live, ids []string, first int64) {
			l.now.Store(first + 20*day)
			l.put(local.Clicks, ids[0], "k1", first, click)
			l.put(local.Purchases, ids[0], "f1", first+9*day, forget)
			l.drain()
			l.aloud(ids[0], first+10*day)
			l.field("n:clicks", replaced("applied=2", "applied=1 erased=1"))
			requireFound(t, l.verify(false), "records of clicks counted as applied: 1, expected 2")
		})
	})
	t.Run("a count of history before a late forget", func(t *testing.T) {
		silently(t, func(l *live, ids []string, first int64) {
			for i := range int64(10) {
				l.put(local.Clicks, ids[0], fmt.Sprintf("x%d", i), first+i*day, click)
			}
			l.history(ids[1], first+20*day)
			l.readUntil(first + 100*day)
			l.put(local.Purchases, ids[0], "late", first+90*day, forget)
			l.drain()
			l.aloud(ids[2], first+820*day)
			l.field("n:clicks", replaced("applied=411", "applied=401 erased=10"))
			requireFound(t, l.verify(false), "records of clicks counted as")
		})
	})
	t.Run("an instant that history cannot have had", func(t *testing.T) {
		silently(t, func(l *live, ids []string, first int64) {
			l.now.Store(first + 120*day)
			l.put(local.Clicks, ids[0], "x0", first, click)
			l.put(local.Clicks, ids[0], "x100", first+100*day, click)
			l.put(local.Clicks, ids[1], "y", first+120*day, click)
			l.drain()
			l.put(local.Purchases, ids[0], "late", first+10*day, click)
			l.drain()
			l.aloud(ids[2], first+120*day)
			l.edit(ids[0], func(p *profile.Profile) {
				require.Equal(t, first+100*day, p.Since)
				p.Since = first + 115*day
			})
			requireFound(t, l.verify(false), "first line")
		})
	})
}
