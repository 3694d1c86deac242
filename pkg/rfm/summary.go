package rfm

import (
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
)

// Summary is what segmentation and its readers know of a customer at an
// instant: the contract's recency, frequency and monetary value over a sliding
// window. Times are Unix milliseconds, profile.None when absent.
type Summary struct {
	// Orders is F, the number of counted orders in the window.
	Orders int64
	// Monetary is M, the sum of net amounts in the window in minor units of
	// the base currency, saturating.
	Monetary int64
	// FirstSeen and LastSeen bound the customer's purchases and clicks,
	// counted or not.
	FirstSeen int64
	// LastOrder is the latest counted order, in the window or not. R is the
	// time since then.
	LastOrder int64
	LastSeen  int64
}

// Summarize computes the summary at t over the window (t - window, t], window
// in milliseconds. It takes time in proportion to the orders in the window.
func Summarize(p *profile.Profile, t, window int64) Summary {
	s := Summary{FirstSeen: p.FirstSeen, LastSeen: p.LastSeen, LastOrder: p.LastOrder()}
	for i := len(p.Orders) - 1; i >= 0; i-- {
		o := &p.Orders[i]
		if !o.Purchased() || o.Time < t-window || o.Time == t-window && !planted.WindowClosed.On() {
			break // the orders before are older still
		}
		if o.Time > t {
			continue
		}
		s.Monetary = money.AddSaturating(s.Monetary, o.Net())
		if o.Counts() {
			s.Orders++
		}
	}
	return s
}
