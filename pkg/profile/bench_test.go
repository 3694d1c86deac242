package profile_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/lifecycle"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// customer is a profile with so many orders, a day apart, and a segment.
func customer(orders int) profile.Profile {
	p := profile.New()
	for i := range orders {
		ev := purchase(fmt.Sprintf("order-%06d", i), 1999, start+int64(i)*day/2)
		p.Apply(&ev, ev.Time, policy.Default())
	}
	p.Segment, p.Since, p.Version, p.Next, p.NextAt = segment.Loyal, start, 3, segment.Edge, p.LastSeen+90*day
	p.Armed = p.NextAt
	return p
}

// step is what one event costs the domain: the ledger to stream time, the event
// into it, and the customer's segment.
func step(p *profile.Profile, ev *event.Event, pol *policy.Policy, rules lifecycle.Rules) {
	p.Expire(ev.Time, pol.Horizon())
	p.Apply(ev, ev.Time, pol)
	p.Segment, p.NextAt, p.Next = rules.Evaluate(p, ev.Time)
}

func BenchmarkApplyEvaluate(b *testing.B) {
	pol := policy.Default()
	rules := lifecycle.New(pol)
	for _, orders := range []int{1, 5, 512} {
		p := customer(orders)
		at := p.LastSeen
		b.Run(fmt.Sprintf("click/orders=%d", orders), func(b *testing.B) {
			ev := click(at)
			b.ReportAllocs()
			for b.Loop() {
				ev.Time++
				step(&p, &ev, pol, rules)
			}
		})
		b.Run(fmt.Sprintf("redelivery/orders=%d", orders), func(b *testing.B) {
			ev := purchase("order-000000", 1999, at)
			b.ReportAllocs()
			for b.Loop() {
				step(&p, &ev, pol, rules)
			}
		})
	}
	b.Run("purchase/orders=0..5", func(b *testing.B) {
		evs := make([]event.Event, 6)
		for i := range evs {
			evs[i] = purchase(fmt.Sprintf("order-%06d", i), 1999, start+int64(i))
		}
		p := profile.New()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%len(evs) == 0 {
				p.Reset()
			}
			step(&p, &evs[i%len(evs)], pol, rules)
		}
	})
	b.Run("purchase/orders=512", func(b *testing.B) { // each folds the oldest order early
		p := customer(512)
		evs := make([]event.Event, 4096)
		for i := range evs {
			evs[i] = purchase(fmt.Sprintf("purchase-%06d", i), 1999, 0)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			ev := &evs[i%len(evs)]
			ev.Time = p.LastSeen + 1000
			step(&p, ev, pol, rules)
		}
		require.Len(b, p.Orders, 512)
	})
	b.Run("refund/refunds=10000", func(b *testing.B) {
		p := customer(3)
		evs := make([]event.Event, 10_000)
		for i := range evs {
			evs[i] = refund(fmt.Sprintf("refund-%06d", i), "order-000002", 1, p.LastSeen)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			step(&p, &evs[i%len(evs)], pol, rules)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, orders := range []int{0, 1, 5, 512} {
		b.Run(fmt.Sprintf("orders=%d", orders), func(b *testing.B) {
			p := customer(orders)
			if orders == 0 {
				p.FirstSeen, p.LastSeen, p.NextAt, p.Armed = start, start, start, start
			}
			dst := p.Append(nil)
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst = p.Append(dst[:0])
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, orders := range []int{0, 1, 5, 512} {
		b.Run(fmt.Sprintf("orders=%d", orders), func(b *testing.B) {
			p := customer(orders)
			if orders == 0 {
				p.FirstSeen, p.LastSeen, p.NextAt, p.Armed = start, start, start, start
			}
			stored := p.Append(nil)
			b.SetBytes(int64(len(stored)))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Decode(stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
