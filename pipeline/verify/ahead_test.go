package verify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/shop"
)

// ahead runs a worker by a clock that is ahead of every event: it has come to the
// present on empty inputs before the first line is written.
func ahead(t *testing.T, publish string, lines ...string) *live {
	l := newLive(t, publish, 1)
	l.now.Store(at(t, "2026-10-01T01:00:00Z"))
	written := make(chan struct{})
	go func() {
		defer close(written)
		for !l.came() {
			select {
			case <-l.moved:
			case <-t.Context().Done():
				return
			}
		}
		l.feed(lines...)
	}()
	require.False(t, l.run(never, written), "the worker died by itself")
	return l
}

// came reports that every shard has stored a stream time.
func (l *live) came() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, state := range l.shards {
		if state.Clock == instant.None {
			return false
		}
	}
	return len(l.shards) == local.Partitions
}

func TestOldEventsUnderAClockAheadAreRight(t *testing.T) {
	for _, publish := range []string{pipeline.PublishAll, pipeline.PublishSnapshot, pipeline.PublishNone} {
		t.Run(publish, func(t *testing.T) {
			o := shop.Default()
			o.Customers, o.Events = 300, 6000
			o.From, o.To = at(t, "2025-01-01T00:00:00Z"), at(t, "2026-10-01T00:00:00Z")
			o.Duplicates, o.Disorder, o.Model.Erasures = 0.1, 0.1, 0.01
			l := ahead(t, publish, linesOf(t, o)...)
			r := l.verify(false)
			requireClean(t, r)
			require.Positive(t, r.Records.Stale)
			require.Positive(t, r.Records.Erased)
			require.Positive(t, r.Apart.Stale.Count)
		})
	}
}

// oldStory has a refund of which the log does not tell whether it was too old or
// waited in vain, a purchase that would have been told of had it not been too
// old, and two that were not too old.
func oldStory() []string {
	ids := neighbours(3)
	line := func(customer, at, rest string) string {
		return fmt.Sprintf(`{"customer_id":%q,"occurred_at":%q,%s}`, customer, at, rest)
	}
	return []string{
		line(ids[0], "2025-01-01T10:00:00Z", `"id":"e1","type":"refund","order_id":"o9"`),
		line(ids[1], "2025-01-02T10:00:00Z", `"id":"e2","type":"purchase","order_id":"o1","amount":"1"`),
		line(ids[1], "2026-09-01T10:00:00Z", `"id":"e3","type":"purchase","order_id":"o2","amount":"2"`),
		line(ids[2], "2026-09-02T10:00:00Z", `"id":"e4","type":"purchase","order_id":"o3","amount":"3"`),
	}
}

func TestWhatIsPlantedUnderAClockAheadIsFound(t *testing.T) {
	l := ahead(t, pipeline.PublishAll, oldStory()...)
	requireClean(t, l.verify(false))
	saved := l.save()
	counted := func(applied, stale, dropped string) func() {
		return func() {
			require.NoError(t, l.redis.HSet(t.Context(), l.keys().Shard(),
				"n:purchases", "consumed=4 applied="+applied+" stale="+stale, "dropped", dropped).Err())
		}
	}
	id := neighbours(3)[1]
	for _, p := range []struct {
		name, says string
		plant      func()
	}{
		{"as it was", "", counted("2", "2", "0")},
		{"as by a clock that was ahead later", "", counted("3", "1", "1")},
		{"one applied too few", "records of purchases counted as applied: 1, expected from 2 to 3", counted("1", "3", "0")},
		{"one applied too many", "records of purchases counted as stale: 0, expected from 1 to 2", counted("4", "0", "0")},
		{"one more in vain", "refunds counted as waiting in vain: 2, expected from 0 to 1", counted("2", "2", "2")},
		{"an order's amount", `order "o2"`, func() { l.edit(id, func(p *profile.Profile) { p.Orders[0].Amount++ }) }},
		{"an order too many", `order "o4"`, func() {
			l.edit(id, func(p *profile.Profile) {
				o := p.Orders[0]
				o.ID = "o4"
				p.Orders = append(p.Orders, o)
			})
		}},
		{"first seen with the old one", "first seen", func() { l.edit(id, func(p *profile.Profile) { p.FirstSeen = at(t, "2025-01-02T10:00:00Z") }) }},
	} {
		t.Run(p.name, func(t *testing.T) {
			l.world.t = t
			defer l.restore(saved)
			p.plant()
			if r := l.verify(false); p.says == "" {
				requireClean(t, r)
			} else {
				requireFound(t, r, p.says)
			}
		})
	}
}
