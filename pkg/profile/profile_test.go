package profile_test

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

func TestLastOrderIsTheLatestThatCounts(t *testing.T) {
	p := profile.New()
	fold(&p, []event.Event{purchase("a", 500, start), purchase("b", 500, start+day), refundAll("r", "b", start+2*day)}, policy.Default())
	require.Equal(t, start, p.LastOrder(), "the one after it is paid back")
	p.Lifetime.Last = start + 3*day
	require.Equal(t, start+3*day, p.LastOrder(), "one that is folded may be the later")
}

// A profile is deleted when it is empty: whatever has to be remembered must keep
// it from that, alone.
func TestOneThingToKeepIsNotEmpty(t *testing.T) {
	for what, keep := range map[string]func(*profile.Profile){
		"an order":        func(p *profile.Profile) { p.Orders = []profile.Order{{ID: "o"}} },
		"a folded order":  func(p *profile.Profile) { p.Lifetime.Orders = 1 },
		"a click":         func(p *profile.Profile) { p.FirstSeen, p.LastSeen = start, start },
		"a floor":         func(p *profile.Profile) { p.Floor = start },
		"a tombstone":     func(p *profile.Profile) { p.ForgottenAt = start },
		"a segment":       func(p *profile.Profile) { p.Segment = segment.Edge },
		"a version":       func(p *profile.Profile) { p.Version = 1 },
		"a lost future":   func(p *profile.Profile) { p.Mark = profile.Adopted },
		"a silent future": func(p *profile.Profile) { p.Mark = profile.Pending },
	} {
		p := profile.New()
		require.True(t, p.Empty())
		keep(&p)
		require.False(t, p.Empty(), what)
	}
}

// Budgets count profiles by their Size, so it must be near what they take.
func TestSizeIsAboutTheMemoryTaken(t *testing.T) {
	many := customer(300)
	refunds := customer(1)
	for i := range 300 {
		ev := refund(fmt.Sprintf("r-%d", i), "order-000000", 1, start+day)
		refunds.Apply(&ev, start+day, policy.Default())
	}
	days := customer(4000)
	days.Expire(start+5000*day, day)
	require.Empty(t, days.Orders)
	named := profile.New()
	for i := range 20 {
		ev := purchase(fmt.Sprintf("%0128d", i), 1, start)
		named.Apply(&ev, start, policy.Default())
	}
	for what, p := range map[string]profile.Profile{"orders": many, "refunds": refunds, "days": days, "long ids": named} {
		stored := p.Append(nil)
		copies := make([]profile.Profile, 500)
		before := heap()
		for i := range copies {
			copies[i] = profile.New()
			require.NoError(t, copies[i].Decode(stored))
		}
		taken := float64(heap()-before)/float64(len(copies)) + float64(unsafe.Sizeof(p))
		require.InEpsilon(t, taken, copies[0].Size(), .3, what)
		runtime.KeepAlive(copies)
	}
}

// heap is what is reachable on the heap, in bytes.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
