package sim

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sweep runs seeds and returns the totals and the failures.
func sweep(all []uint64, stopAtFirst bool) (Totals, map[uint64]error) {
	var totals Totals
	failures := map[uint64]error{}
	next := 0
	Sweep(context.Background(), func() (Case, bool) {
		if next == len(all) {
			return Case{}, false
		}
		next++
		return Case{Seed: all[next-1]}, true
	}, func(c Case, o Outcome) bool {
		totals.Add(o.Totals)
		if o.Err != nil {
			failures[c.Seed] = o.Err
		}
		return o.Err == nil || !stopAtFirst
	})
	return totals, failures
}

// most is how many failures are told.
const most = 10

func report(t *testing.T, failures map[uint64]error) {
	seeds := slices.Sorted(maps.Keys(failures))
	for _, seed := range seeds[:min(most, len(seeds))] {
		t.Error(Case{Seed: seed}.Report(failures[seed]))
	}
	if len(seeds) > most {
		t.Errorf("and %d more seeds failed", len(seeds)-most)
	}
}

// TestSeeds runs the seeds that every test runs, and shows that they meet every
// kind of trouble there is.
func TestSeeds(t *testing.T) {
	var all []uint64
	for seed := range uint64(defaultSeeds) {
		all = append(all, seed+1)
	}
	totals, failures := sweep(all, false)
	t.Log(totals)
	report(t, failures)
	if defaultSeeds >= enoughForEverything {
		require.Empty(t, totals.Missing(), "nothing shows that these are survived")
	}
}

// enoughForEverything is how many seeds meet every kind of trouble.
const enoughForEverything = 500

// TestSeedsThatOnceFailed runs the cases of testdata/seeds.txt.
func TestSeedsThatOnceFailed(t *testing.T) {
	raw, err := os.ReadFile("testdata/seeds.txt")
	require.NoError(t, err)
	played := 0
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		text, _, ok := strings.Cut(line, ": ")
		require.True(t, ok, "%s: say what it found", line)
		c, err := ParseCase(text)
		require.NoError(t, err)
		if o := c.Run(false); o.Err != nil {
			t.Error(c.Report(o.Err))
		}
		played++
	}
	require.Positive(t, played)
}

// TestASeedDecidesEverything: the trace of a run, every I/O of every shard with
// its moment, is the same each time.
func TestASeedDecidesEverything(t *testing.T) {
	for seed := uint64(1); seed <= traceSeeds; seed++ {
		first, second := Run(seed, true), Run(seed, true)
		require.Equal(t, first.Err, second.Err)
		require.NotEmpty(t, first.Trace)
		if first.Trace != second.Trace {
			require.Equal(t, first.Trace, second.Trace, "seed %d", seed)
		}
	}
}
