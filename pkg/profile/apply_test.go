package profile_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

func purchase(order string, amount, at int64) event.Event {
	return event.Event{Type: event.Purchase, ID: "p-" + order, Customer: "c", OrderID: order, Amount: amount, Time: at}
}

func refund(id, order string, amount, at int64) event.Event {
	return event.Event{Type: event.Refund, ID: id, Customer: "c", OrderID: order, Amount: amount, Time: at}
}

func refundAll(id, order string, at int64) event.Event {
	return event.Event{Type: event.Refund, ID: id, Customer: "c", OrderID: order, Whole: true, Time: at}
}

func click(at int64) event.Event {
	return event.Event{Type: event.Click, ID: "k", Customer: "c", Action: "view", Time: at}
}

func forget(id string, at int64) event.Event {
	return event.Event{Type: event.Forget, ID: id, Customer: "c", Time: at}
}

func TestOneOrder(t *testing.T) {
	tests := []struct {
		name   string
		events []event.Event
		time   int64
		net    int64
		counts bool
	}{
		{"bought", []event.Event{purchase("o", 500, start)}, start, 500, true},
		{"free", []event.Event{purchase("o", 0, start)}, start, 0, true},
		{"free, and a refund of nothing", []event.Event{purchase("o", 0, start), refund("r", "o", 0, start)}, start, 0, false},
		{"a refund of nothing", []event.Event{purchase("o", 500, start), refund("r", "o", 0, start)}, start, 500, true},
		{"the latest event gives the amount", []event.Event{purchase("o", 500, start+1), purchase("o", 300, start+2), purchase("o", 900, start)}, start, 300, true},
		{"of equal times the greater amount", []event.Event{purchase("o", 500, start), purchase("o", 700, start), purchase("o", 600, start)}, start, 700, true},
		{"made free later", []event.Event{purchase("o", 500, start), purchase("o", 0, start+1)}, start, 0, true},
		{"refunded in part", []event.Event{purchase("o", 500, start), refund("r", "o", 200, start+1), refund("s", "o", 299, start+1)}, start, 1, true},
		{"refunded in full", []event.Event{purchase("o", 500, start), refund("r", "o", 500, start+1)}, start, 0, false},
		{"refunds cap at the amount", []event.Event{purchase("o", 500, start), refund("r", "o", 501, start+1), refund("s", "o", math.MaxInt64, start+1)}, start, 0, false},
		{"room again after an update", []event.Event{purchase("o", 500, start), refund("r", "o", 501, start+1), purchase("o", 502, start+2)}, start, 1, true},
		{"a refund without amount, then an update", []event.Event{purchase("o", 500, start), refundAll("r", "o", start+1), purchase("o", math.MaxInt64, start+2)}, start, 0, false},
		{"the same refund twice", []event.Event{purchase("o", 500, start), refund("r", "o", 200, start+1), refund("r", "o", 200, start+9)}, start, 300, true},
		{"two copies that differ", []event.Event{purchase("o", 500, start), refund("r", "o", 200, start+1), refund("r", "o", 300, start+1), refund("r", "o", 100, start+1)}, start, 200, true},
		{"a copy of the whole order", []event.Event{purchase("o", 500, start), refund("r", "o", 200, start+1), refundAll("r", "o", start+1), refund("r", "o", 1, start+1)}, start, 0, false},
		{"a refund waits for its order", []event.Event{refund("r", "o", 200, start+5), purchase("o", 500, start+7)}, start + 7, 300, true},
		{"a refund does not make its order earlier", []event.Event{purchase("o", 500, start+7), refund("r", "o", 200, start)}, start + 7, 300, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := profile.New()
			fold(&p, test.events, policy.Default())
			require.Len(t, p.Orders, 1)
			o := &p.Orders[0]
			require.Equal(t, test.time, o.Time)
			require.Equal(t, test.net, o.Net())
			require.Equal(t, test.counts, o.Counts())
		})
	}
}

func TestOnlyPurchasesAndClicksAreSeen(t *testing.T) {
	pol, p := policy.Default(), profile.New()
	fold(&p, []event.Event{refund("r", "o", 1, start)}, pol)
	require.Equal(t, profile.None, p.FirstSeen, "only a refund that waits")
	require.Equal(t, profile.None, p.LastOrder())
	fold(&p, []event.Event{click(start + 5), purchase("o", 1, start+3), refund("s", "o", 1, start+9), click(start + 4)}, pol)
	require.Equal(t, start+3, p.FirstSeen)
	require.Equal(t, start+5, p.LastSeen)
	require.Equal(t, profile.None, p.LastOrder(), "refunded in full: seen, but not counted")
}

func TestPurchaseWithoutOrderIDIsItsOwnOrder(t *testing.T) {
	p := profile.New()
	ev := event.Event{Type: event.Purchase, ID: "e-1", Amount: 5, Time: start}
	require.Equal(t, profile.Applied, p.Apply(&ev, start, policy.Default()))
	require.Equal(t, "e-1", p.Orders[0].ID)
}

func TestOrderIDsAreCopied(t *testing.T) {
	p, id := profile.New(), []byte("o-1")
	ev := purchase("", 1, start)
	ev.ID = unsafeString(id)
	p.Apply(&ev, start, policy.Default())
	copy(id, "xxx")
	require.Equal(t, "o-1", p.Orders[0].ID)
}

func TestLedgerLimit(t *testing.T) {
	pol := policy.Default()
	pol.MaxLedgerOrders = 2

	t.Run("the oldest go, of equal times the smaller id", func(t *testing.T) {
		p := profile.New()
		fold(&p, []event.Event{
			purchase("b", 10, start), purchase("a", 20, start), purchase("B", 40, start), purchase("z", 80, start+day),
		}, pol)
		require.Equal(t, []string{"b", "z"}, ids(&p))
		require.Equal(t, start, p.Floor)
		require.Equal(t, profile.Lifetime{Orders: 2, Amount: 60, FirstDayAmount: 60, Days: []int32{20454}, First: start, Last: start}, p.Lifetime)
	})
	t.Run("nothing at or below the floor has an effect", func(t *testing.T) {
		p := profile.New()
		fold(&p, []event.Event{purchase("a", 1, start), purchase("b", 1, start+2), purchase("c", 1, start+3)}, pol)
		before := string(p.Append(nil))
		for _, ev := range []event.Event{
			purchase("b", 9, start), purchase("n", 9, start-1), click(start - 5), refundAll("r", "b", start), forget("f", start),
		} {
			require.Equal(t, profile.BelowFloor, p.Apply(&ev, start+3, pol), "%+v", ev)
		}
		require.Equal(t, before, string(p.Append(nil)))
		update := purchase("b", 9, start+1)
		require.Equal(t, profile.Applied, p.Apply(&update, start+3, pol))
		require.Equal(t, start+1, p.Orders[0].Time)
	})
	t.Run("a late order can be the one to go", func(t *testing.T) {
		p := profile.New()
		fold(&p, []event.Event{purchase("b", 1, start+2), purchase("c", 1, start+3), purchase("a", 7, start+1)}, pol)
		require.Equal(t, []string{"b", "c"}, ids(&p))
		require.Equal(t, start+1, p.Floor)
		require.Equal(t, int64(7), p.Lifetime.Amount)
	})
	t.Run("orders that do not count are part of the number and leave no trace", func(t *testing.T) {
		p := profile.New()
		fold(&p, []event.Event{
			purchase("a", 5, start), refundAll("r", "a", start), purchase("b", 1, start+1), purchase("c", 1, start+2),
		}, pol)
		require.Equal(t, []string{"b", "c"}, ids(&p))
		require.Equal(t, start, p.Floor)
		require.Zero(t, p.Lifetime.Orders)
	})
	t.Run("refunds that wait are not", func(t *testing.T) {
		p := profile.New()
		fold(&p, []event.Event{
			refund("r", "x", 5, start), refund("r", "y", 5, start), purchase("a", 5, start), purchase("b", 1, start+1),
		}, pol)
		require.Equal(t, []string{"x", "y", "a", "b"}, ids(&p))
		fold(&p, []event.Event{purchase("y", 9, start+2)}, pol)
		require.Equal(t, []string{"x", "b", "y"}, ids(&p))
		require.Equal(t, start, p.Floor)
	})
	t.Run("a large ledger that slides", func(t *testing.T) {
		pol.MaxLedgerOrders = 100
		p := profile.New()
		for i := range int64(1000) {
			ev := purchase(fmt.Sprintf("o-%04d", i), 1, start+i)
			require.Equal(t, profile.Applied, p.Apply(&ev, start+i, pol))
			again := ev
			again.Amount = 2
			p.Apply(&again, start+i, pol)
			require.Len(t, p.Orders, int(min(i+1, 100)), "the update found its order")
		}
		for i := range int64(20) {
			ev, late := refund("r", fmt.Sprintf("w-%02d", i), 1, start+1000), purchase(fmt.Sprintf("o-%04d", 900+i), 2, start+1001)
			p.Apply(&ev, start+1001, pol)
			p.Apply(&late, start+1001, pol)
			next := purchase(fmt.Sprintf("p-%02d", i), 1, start+1002+i)
			p.Apply(&next, start+1002+i, pol)
			again := refund("s", "w-00", 1, start+1002+i)
			p.Apply(&again, start+1002+i, pol)
			require.Len(t, p.Orders, int(100+i+1), "beside refunds that wait")
		}
		require.Equal(t, int64(920), p.Lifetime.Orders)
		require.Equal(t, int64(1840), p.Lifetime.Amount)
		require.Equal(t, start+919, p.Floor)
	})
}

func TestSumsSaturate(t *testing.T) {
	pol := policy.Default()
	pol.MaxLedgerOrders = 1
	p := profile.New()
	fold(&p, []event.Event{
		purchase("a", math.MaxInt64, start), purchase("b", math.MaxInt64, start+1), purchase("c", 1, start+2),
	}, pol)
	require.Equal(t, int64(math.MaxInt64), p.Lifetime.Amount)
	require.Equal(t, int64(math.MaxInt64), p.Lifetime.FirstDayAmount)
}

func ids(p *profile.Profile) (ids []string) {
	for i := range p.Orders {
		ids = append(ids, p.Orders[i].ID)
	}
	return ids
}
