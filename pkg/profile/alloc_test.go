package profile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/lifecycle"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

// A shard does these for every event or customer of a batch: memory that they
// took would be the garbage collector's work a million times a second.
func TestTheUsualStepsAllocateNothing(t *testing.T) {
	pol := policy.Default()
	rules := lifecycle.New(pol)
	p := customer(20)
	ev, again := click(p.LastSeen), purchase("order-000003", 2000, p.LastSeen)
	step(&p, &again, pol, rules)
	stored := p.Append(nil)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ev.Time++
		step(&p, &ev, pol, rules)
		step(&p, &again, pol, rules)
		stored = p.Append(stored[:0])
	}))
	require.Equal(t, 1., testing.AllocsPerRun(100, func() { // the ids, in one piece
		if p.Decode(stored) != nil {
			panic("damaged")
		}
	}))
	require.Equal(t, 2., testing.AllocsPerRun(100, func() { // and the orders, at once
		fresh := profile.New()
		if fresh.Decode(stored) != nil {
			panic("damaged")
		}
	}))
}
