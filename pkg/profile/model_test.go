package profile_test

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

// model is the contract's section 3 as literally as it can be written: it keeps
// every event of an order and works everything out when asked.
type model struct {
	orders      map[string][]event.Event
	folded      []profile.Order
	seen        []int64
	floor       int64
	forgottenAt int64
	forgetID    string
	dropped     int
}

func newModel() *model {
	return &model{orders: map[string][]event.Event{}, floor: profile.None, forgottenAt: profile.None}
}

func (m *model) step(ev event.Event, s int64, pol *policy.Policy) {
	h := pol.Horizon()
	m.expire(s, h)
	switch {
	case m.forgottenAt != profile.None && (ev.Time <= m.forgottenAt || ev.Type == event.Forget && ev.ID == m.forgetID):
		return
	case m.floor != profile.None && ev.Time <= m.floor:
		return
	case ev.Type != event.Forget && ev.Time <= s-h-7*day:
		return
	}
	switch ev.Type {
	case event.Forget:
		dropped := m.dropped
		*m = *newModel()
		m.forgottenAt, m.forgetID, m.dropped = s, ev.ID, dropped
	case event.Purchase:
		m.seen = append(m.seen, ev.Time)
		m.orders[ev.OrderID] = append(m.orders[ev.OrderID], ev)
		m.foldExcess(pol.MaxLedgerOrders)
	case event.Refund:
		m.orders[ev.OrderID] = append(m.orders[ev.OrderID], ev)
	case event.Click:
		m.seen = append(m.seen, ev.Time)
	}
}

func (m *model) expire(s, h int64) {
	if m.forgottenAt != profile.None && s >= m.forgottenAt+h {
		m.forgottenAt, m.forgetID = profile.None, ""
	}
	for _, o := range m.ledger() {
		if s < o.LastAt+h+7*day {
			continue
		}
		delete(m.orders, o.ID)
		if o.Time == profile.None {
			m.dropped += len(o.Refunds)
		} else if counts(o) {
			m.folded = append(m.folded, o)
		}
	}
}

func (m *model) foldExcess(limit int) {
	for {
		purchased := slices.DeleteFunc(m.ledger(), func(o profile.Order) bool { return o.Time == profile.None })
		if len(purchased) <= limit {
			return
		}
		oldest := purchased[0]
		m.floor = max(m.floor, oldest.Time)
		delete(m.orders, oldest.ID)
		if counts(oldest) {
			m.folded = append(m.folded, oldest)
		}
	}
}

// ledger works out the orders in canonical order.
func (m *model) ledger() (orders []profile.Order) {
	for id, evs := range m.orders {
		o := profile.Order{ID: id, Time: profile.None, AmountAt: profile.None, LastAt: profile.None}
		for _, ev := range evs {
			o.LastAt = max(o.LastAt, ev.Time)
			if ev.Type == event.Refund {
				o.Refunds = joinRefund(o.Refunds, ev)
				continue
			}
			if o.Time == profile.None || ev.Time < o.Time {
				o.Time = ev.Time
			}
			if ev.Time > o.AmountAt || ev.Time == o.AmountAt && ev.Amount > o.Amount {
				o.Amount, o.AmountAt = ev.Amount, ev.Time
			}
		}
		slices.SortFunc(o.Refunds, func(a, b profile.Refund) int { return cmp.Compare(a.ID, b.ID) })
		orders = append(orders, o)
	}
	slices.SortFunc(orders, func(a, b profile.Order) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.ID, b.ID))
	})
	return orders
}

func joinRefund(refunds []profile.Refund, ev event.Event) []profile.Refund {
	id := xxhash.Sum64String(ev.ID)
	i := slices.IndexFunc(refunds, func(r profile.Refund) bool { return r.ID == id })
	if i < 0 {
		refunds = append(refunds, profile.Refund{ID: id})
		i = len(refunds) - 1
	}
	r := &refunds[i]
	r.Whole = r.Whole || ev.Whole
	r.Amount = max(r.Amount, ev.Amount)
	if r.Whole {
		r.Amount = 0
	}
	return refunds
}

// net is computed without bounds, so that saturation is the code's own doing.
func net(o profile.Order) int64 {
	left := big.NewInt(o.Amount)
	for _, r := range o.Refunds {
		if r.Whole {
			return 0
		}
		left.Sub(left, big.NewInt(r.Amount))
	}
	return max(0, saturate(left))
}

func counts(o profile.Order) bool {
	return o.Time != profile.None && (net(o) > 0 || o.Amount == 0 && len(o.Refunds) == 0)
}

func saturate(v *big.Int) int64 {
	if v.Sign() < 0 {
		return -1
	}
	if !v.IsInt64() {
		return math.MaxInt64
	}
	return v.Int64()
}

// profile builds what Apply and Expire should have built.
func (m *model) profile() profile.Profile {
	p := profile.New()
	p.Orders, p.Floor, p.ForgottenAt = m.ledger(), m.floor, m.forgottenAt
	if m.forgottenAt != profile.None {
		p.ForgetID = xxhash.Sum64String(m.forgetID)
	}
	if len(m.seen) > 0 {
		p.FirstSeen, p.LastSeen = slices.Min(m.seen), slices.Max(m.seen)
	}
	p.Lifetime = m.lifetime()
	return p
}

func (m *model) lifetime() profile.Lifetime {
	l := profile.Lifetime{First: profile.None, Last: profile.None}
	if len(m.folded) == 0 {
		return l
	}
	byDay, all, times := map[int32]*big.Int{}, new(big.Int), []int64{}
	for _, o := range m.folded {
		d := int32(o.Time / day)
		if byDay[d] == nil {
			byDay[d] = new(big.Int)
			l.Days = append(l.Days, d)
		}
		byDay[d].Add(byDay[d], big.NewInt(net(o)))
		all.Add(all, big.NewInt(net(o)))
		times = append(times, o.Time)
	}
	slices.Sort(l.Days)
	l.Orders, l.Amount, l.FirstDayAmount = int64(len(m.folded)), saturate(all), saturate(byDay[l.Days[0]])
	l.First, l.Last = slices.Min(times), slices.Max(times)
	return l
}

func TestProfileEqualsTheModel(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		pol := policy.Default()
		pol.Window = policy.Duration(rapid.SampledFrom([]int64{1, 5 * day, 30 * day}).Draw(t, "window"))
		pol.MaxLedgerOrders = rapid.SampledFrom([]int{1, 2, 5, 512}).Draw(t, "limit")
		kinds := []event.Type{event.Purchase, event.Purchase, event.Purchase, event.Refund, event.Refund, event.Click, event.Forget}
		if rapid.Bool().Draw(t, "nobody is forgotten") {
			kinds = kinds[:len(kinds)-1]
		}
		evs := rapid.SliceOfN(events(120*day, kinds...), 20, 80).Draw(t, "events")
		if rapid.Bool().Draw(t, "in order") {
			slices.SortStableFunc(evs, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
		}
		p, m, s, dropped := profile.New(), newModel(), int64(0), 0
		for _, ev := range evs {
			s = max(s, ev.Time)
			if rapid.IntRange(0, 9).Draw(t, "time passes") == 0 {
				s += rapid.Int64Range(0, 40*day).Draw(t, "by")
			}
			dropped += p.Expire(s, pol.Horizon())
			seen[p.Apply(&ev, s, pol).String()]++
			m.step(ev, s, pol)
			want := m.profile()
			require.Equal(t, string(want.Append(nil)), string(p.Append(nil)), "after %+v at %d", ev, s)
			checkCaches(t, &p)
		}
		require.Equal(t, m.dropped, dropped)
		for range p.Lifetime.Days {
			seen["folded day"]++
		}
		if dropped > 0 {
			seen["dropped refund"]++
		}
	})
	for _, outcome := range []string{"applied", "erased", "below_floor", "stale", "folded day", "dropped refund"} {
		require.NotZero(t, seen[outcome], "the generator never leads to %q: %v", outcome, seen)
	}
}

// checkCaches holds each order against a copy without cached sums.
func checkCaches(t require.TestingT, p *profile.Profile) {
	for i := range p.Orders {
		o := &p.Orders[i]
		fresh := profile.Order{
			ID: o.ID, Time: o.Time, Amount: o.Amount, AmountAt: o.AmountAt, LastAt: o.LastAt, Refunds: slices.Clone(o.Refunds),
		}
		require.Equal(t, net(*o), o.Net())
		require.Equal(t, fresh.Net(), o.Net())
		require.Equal(t, counts(*o), o.Counts())
	}
}
