package customer_test

import (
	"strconv"
	"testing"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/customer"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

// BenchmarkStep is one event of one customer: deadlines, expiry, ledger, evaluation. Orders come in
// steadily and leave by the horizon, so the ledger keeps its size.
func BenchmarkStep(b *testing.B) {
	const orders = 8 // in the ledger at any time
	ids := make([]string, 4*orders)
	for i := range ids {
		ids[i] = "o-" + strconv.Itoa(i)
	}
	for name, purchases := range map[string]bool{"purchase": true, "click": false} {
		b.Run(name, func(b *testing.B) {
			r, p := customer.New(policy.Default()), profile.New()
			gap := policy.Default().Horizon() / orders
			out := make([]change.Change, 0, 8)
			ev := event.Event{Type: event.Purchase, ID: "e", Customer: customerID, Amount: 1200}
			s, n := start, 0
			step := func() {
				ev.OrderID, ev.Time = ids[n%len(ids)], s
				out = r.Fire(&p, customerID, s, instant.None, out[:0])
				out, _ = r.Apply(&p, customerID, &ev, s, false, out)
				n++
			}
			for range 2 * orders {
				s += gap
				step()
			}
			if !purchases {
				ev.Type, gap = event.Click, 1
			}
			b.ReportAllocs()
			for b.Loop() {
				s += gap
				step()
			}
		})
	}
}
