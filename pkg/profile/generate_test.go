package profile_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

const day = int64(24 * 60 * 60 * 1000)

// start is 2026-01-01T00:00:00Z.
const start = int64(1767225600000)

// events draws one customer's events: few ids and few instants, so that
// updates, redeliveries, waiting refunds and equal times are the rule.
func events(span int64, types ...event.Type) *rapid.Generator[event.Event] {
	return rapid.Custom(func(t *rapid.T) event.Event {
		ev := event.Event{
			Type:     rapid.SampledFrom(types).Draw(t, "type"),
			ID:       fmt.Sprintf("e-%d", rapid.IntRange(0, 30).Draw(t, "id")),
			Customer: "c",
		}
		if rapid.Bool().Draw(t, "on the hour") {
			ev.Time = start + rapid.Int64Range(0, span/day).Draw(t, "day")*day
		} else {
			ev.Time = start + rapid.Int64Range(0, span).Draw(t, "ms")
		}
		amounts := rapid.OneOf(rapid.SampledFrom([]int64{0, 1, 1000, 1<<63 - 1, 1 << 62}), rapid.Int64Range(0, 3000))
		switch ev.Type {
		case event.Purchase:
			ev.OrderID = fmt.Sprintf("o-%d", rapid.IntRange(0, 12).Draw(t, "order"))
			ev.Amount = amounts.Draw(t, "amount")
		case event.Refund:
			ev.OrderID = fmt.Sprintf("o-%d", rapid.IntRange(0, 12).Draw(t, "order"))
			if ev.Whole = rapid.IntRange(0, 4).Draw(t, "whole") == 0; !ev.Whole {
				ev.Amount = amounts.Draw(t, "amount")
			}
		}
		return ev
	})
}

// fold applies events as a shard does: stream time never goes back, and the
// ledger is brought to it before each event.
func fold(p *profile.Profile, evs []event.Event, pol *policy.Policy) (s int64) {
	for i := range evs {
		s = max(s, evs[i].Time)
		p.Expire(s, pol.Horizon())
		p.Apply(&evs[i], s, pol)
	}
	return s
}

// ledger folds events into a new profile and returns its stored bytes.
func ledger(evs []event.Event, pol *policy.Policy) string {
	p := profile.New()
	fold(&p, evs, pol)
	return string(p.Append(nil))
}
