package verify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

// put writes an event to the shard's partition, dated by the record too.
func (w *world) put(topic, customer, id string, at int64, rest string) {
	w.t.Helper()
	w.putStamped(topic, customer, id, at, at, rest)
}

func (w *world) putStamped(topic, customer, id string, at, stamp int64, rest string) {
	w.t.Helper()
	value := fmt.Appendf(nil, `{"customer_id":%q,"id":%q,"occurred_at":%q,%s}`, customer, id, instant.Format(at), rest)
	_, err := w.Producer.Produce(w.t.Context(), topic, theShard, []sink.Record{{Value: value, Time: stamp}})
	require.NoError(w.t, err)
}

const (
	click    = `"type":"click"`
	purchase = `"type":"purchase","amount":"1"`
	refund   = `"type":"refund","order_id":"p","amount":"1"`
	forget   = `"type":"forget"`
)

// Wherever the contract draws a line at an instant, somebody is just there and
// somebody a millisecond beyond.
func TestTheInstantsAtWhichTheRulesTurn(t *testing.T) {
	w := newWorld(t)
	ids := neighbours(4)
	first := at(t, "2025-01-01T00:00:00Z")
	// Of two topics at one instant the one with the smaller name comes first.
	w.put(local.Purchases, ids[0], "p1", first, purchase)
	w.put(local.Clicks, ids[0], "k1", first, click)
	// What is as old as the forget that it follows is erased.
	w.put(local.Purchases, ids[1], "p2", first+1000, purchase)
	w.put(local.Purchases, ids[1], "f1", first+2000, forget)
	w.put(local.Purchases, ids[1], "p3", first+2000, purchase)
	w.put(local.Purchases, ids[1], "p4", first+2001, purchase)
	// A clock may be ahead by an hour, and a record late by the horizon less one.
	w.putStamped(local.Clicks, ids[2], "k2", first+3000+3600_000, first+3000, click)
	w.putStamped(local.Clicks, ids[2], "k3", first+3000+3600_001, first+3000, click)
	last := first + 4000 + w.policy.Horizon()
	w.put(local.Clicks, ids[3], "k4", last, click)
	w.put(local.Clicks, ids[2], "k5", first+4000, click)
	w.put(local.Clicks, ids[2], "k6", first+4001, click)
	w.replay(last)
	for _, isReplay := range []bool{true, false} {
		r := w.verify(isReplay)
		requireClean(t, r)
		require.Equal(t, map[string]int64{"future_dated": 1, "too_late": 1}, r.Records.Rejected)
		require.EqualValues(t, 1, r.Records.Erased)
	}
}

// A ledger that is full folds nothing; with one order more it does, of equal
// times the one with the smaller name.
func TestALedgerThatIsFull(t *testing.T) {
	w := newWorld(t)
	small := *policy.Default()
	small.MaxLedgerOrders = 3
	w.policy = &small
	ids := neighbours(2)
	first := at(t, "2025-01-01T00:00:00Z")
	for i, order := range []string{"o2", "o1", "o3", "o4"} {
		amount := fmt.Sprintf(`"type":"purchase","order_id":%q,"amount":"%d"`, order, i+1)
		if i < 3 {
			w.put(local.Purchases, ids[0], "full-"+order, first, amount)
		}
		w.put(local.Purchases, ids[1], "over-"+order, first+int64(i/3), amount)
	}
	w.replay(first + 1000)
	for _, isReplay := range []bool{true, false} {
		r := w.verify(isReplay)
		requireClean(t, r)
		require.Equal(t, []string{ids[1]}, r.Apart.Floor.First)
	}
}

// A replay ends before the first record that is later than its last instant, not
// before one of that instant.
func TestAReplayThatEndedOneRecordTooEarlyIsFound(t *testing.T) {
	w := newWorld(t)
	id := neighbours(1)[0]
	last := at(t, "2025-01-01T00:00:01Z")
	w.put(local.Clicks, id, "k1", last-1000, click)
	w.put(local.Clicks, id, "k2", last, click)
	w.replay(last - 1)
	requireClean(t, w.verify(true))
	w.field("clock", replaced(fmt.Sprint(last-1), fmt.Sprint(last)))
	requireFound(t, w.verify(true), "next offset of clicks: 1, expected more: record 1 belongs to the replay")
}

// A customer's own deadline comes before his event of the same instant. That both
// changes are missing, of which the second takes the first back, shows in nothing
// but the rules.
func TestAnEventOfTheInstantOfADeadline(t *testing.T) {
	w := newWorld(t)
	id := neighbours(1)[0]
	first := at(t, "2025-01-01T00:00:00Z")
	w.put(local.Clicks, id, "k1", first, click)
	w.put(local.Clicks, id, "k2", first+int64(w.policy.Lifecycle.EngagedWithin), click)
	w.replay(first + int64(w.policy.Lifecycle.EngagedWithin) + 1000)
	all := w.published()
	require.Len(t, all[theShard], 3)
	for _, isReplay := range []bool{true, false} {
		requireClean(t, w.verify(isReplay))
	}

	all[theShard] = all[theShard][:1]
	w.publish(all)
	w.edit(id, func(p *profile.Profile) { p.Version, p.Since = 1, first })
	w.field("changes", replaced("3", "1"))
	for _, isReplay := range []bool{true, false} {
		o := w.options()
		o.Changes, o.Replay = doctored, isReplay
		report, err := verify.Run(t.Context(), o)
		require.NoError(t, err)
		requireFound(t, report, "change 2")
	}
}

// Where the ledger hangs on the order of events, and there are more orders than can
// be tried, a wrong first line is still one: it follows from the changes.
func TestAWrongFirstLineBesideManyOrders(t *testing.T) {
	w := newWorld(t)
	small := *policy.Default()
	small.MaxLedgerOrders = 3
	w.policy = &small
	id, first := neighbours(1)[0], at(t, "2025-01-01T00:00:00Z")
	for i := range int64(300) {
		w.put(local.Purchases, id, fmt.Sprintf("p%d", i), first+i*1000, purchase)
		w.put(local.Clicks, id, fmt.Sprintf("k%d", i), first+i*1000+500, click)
	}
	w.replay(first + 400_000)
	requireClean(t, w.verify(false))
	w.edit(id, func(p *profile.Profile) { p.Since++ })
	requireFound(t, w.verify(false), "first line")
}
