package profile_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
)

// The contract's property: every permutation, with any duplication, of events
// inside the horizon gives the byte-identical ledger.
func TestAnyOrderAndDuplicationGivesTheSameLedger(t *testing.T) {
	pol := policy.Default()
	kinds := []event.Type{event.Purchase, event.Purchase, event.Refund, event.Click}
	inside := pol.Horizon() // the last event is less than horizon + grace after the first

	t.Run("random permutations", rapid.MakeCheck(func(t *rapid.T) {
		evs := rapid.SliceOfN(events(inside, kinds...), 1, 40).Draw(t, "events")
		want := ledger(evs, pol)
		again := rapid.SliceOfN(rapid.SampledFrom(evs), 0, 40).Draw(t, "copies")
		shuffled := rapid.Permutation(append(again, evs...)).Draw(t, "arrival")
		require.Equal(t, want, ledger(shuffled, pol))
	}))

	t.Run("all permutations of one order's events", rapid.MakeCheck(func(t *rapid.T) {
		evs := rapid.SliceOfN(events(3*day, event.Purchase, event.Refund), 2, 5).Draw(t, "events")
		for i := range evs {
			evs[i].OrderID = "o"
		}
		want := ledger(evs, pol)
		permute(evs, len(evs), func() { require.Equal(t, want, ledger(evs, pol), "%+v", evs) })
	}))
}

// permute calls visit with every order of the first n events (Heap's algorithm).
func permute(evs []event.Event, n int, visit func()) {
	if n <= 1 {
		visit()
		return
	}
	for i := range n {
		permute(evs, n-1, visit)
		swap := 0
		if n%2 == 0 {
			swap = i
		}
		evs[swap], evs[n-1] = evs[n-1], evs[swap]
	}
}
