package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	oneSeed  = flag.Uint64("sim.seed", 0, "run this seed alone")
	seeds    = flag.Uint64("sim.seeds", defaultSeeds, "number of seeds to run, from 1 on")
	firstOne = flag.Uint64("sim.first", 1, "first of these seeds")
	verbose  = flag.Bool("sim.verbose", false, "print the trace of -sim.seed")
)

// sweep runs seeds on all cores and returns the totals and the failures.
func sweep(all []uint64, stopAtFirst bool) (Totals, map[uint64]error) {
	var mu sync.Mutex
	var totals Totals
	failures := map[uint64]error{}
	var next atomic.Int64
	var done atomic.Bool
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for !done.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				o := Run(all[i], false)
				mu.Lock()
				totals.Add(o.Totals)
				if o.Err != nil {
					failures[all[i]] = o.Err
					if stopAtFirst {
						done.Store(true)
					}
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return totals, failures
}

// repeat is the command that runs a seed again.
func repeat(seed uint64) string {
	return fmt.Sprintf("go test ./pipeline/sim -run 'TestSeeds$' -sim.seed=%d -sim.verbose", seed)
}

func report(t *testing.T, failures map[uint64]error) {
	shown := 0
	for seed, err := range failures {
		if shown++; shown <= 10 || *verbose {
			t.Errorf("seed %d: %v\nrepeat it with\n\t%s", seed, err, repeat(seed))
		}
	}
	if len(failures) > 10 && !*verbose {
		t.Errorf("and %d more seeds failed", len(failures)-10)
	}
}

func TestSeeds(t *testing.T) {
	if *oneSeed != 0 {
		o := Run(*oneSeed, *verbose)
		if *verbose {
			fmt.Print(o.Trace)
		}
		require.NoError(t, o.Err)
		return
	}
	var all []uint64
	for i := range *seeds {
		all = append(all, *firstOne+i)
	}
	totals, failures := sweep(all, false)
	t.Log(totals)
	report(t, failures)
}

// TestSeedsThatOnceFailed runs the seeds of testdata/seeds.txt.
func TestSeedsThatOnceFailed(t *testing.T) {
	raw, err := os.ReadFile("testdata/seeds.txt")
	require.NoError(t, err)
	var all []uint64
	for line := range strings.Lines(string(raw)) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || word[0] == '#' {
			continue
		}
		seed, err := strconv.ParseUint(word, 10, 64)
		require.NoError(t, err)
		all = append(all, seed)
	}
	require.NotEmpty(t, all)
	_, failures := sweep(all, false)
	report(t, failures)
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
