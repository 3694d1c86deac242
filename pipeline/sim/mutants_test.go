//go:build mutants

package sim

import (
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/planted"
)

// enough is how many seeds a planted bug may take.
const (
	enough = 300
	few    = 50 // after so many it is looked at whether a seed still decides everything
)

var oneBug = flag.String("sim.bug", "", "plant this one alone")

// TestEveryBugHasAName: the table would not tell which one it is of.
func TestEveryBugHasAName(t *testing.T) {
	names := map[string]bool{}
	for _, bug := range planted.All() {
		if *oneBug != "" && bug.String() != *oneBug {
			continue
		}
		require.NotEmpty(t, bug.String())
		names[bug.String()] = true
	}
	require.Len(t, names, len(planted.All()))
}

// TestMutants switches every planted bug on in turn and runs seeds until a check
// notices. It must not run beside other tests: the switch is global.
func TestMutants(t *testing.T) {
	all := make([]uint64, enough)
	for i := range all {
		all[i] = uint64(i) + 1
	}
	_, failures := sweep(all[:few], false)
	if report(t, failures); t.Failed() {
		t.Fatal("seeds fail without a planted bug")
	}
	tried, caught := 0, 0
	fmt.Printf("%-44s | %-60s | %5s | %s\n", "bug", "caught by", "seeds", "seconds")
	for _, bug := range planted.All() {
		if *oneBug != "" && bug.String() != *oneBug {
			continue
		}
		tried++
		begin := time.Now()
		planted.Plant(bug)
		seeds, err := catch(all)
		strikes := planted.Strikes()
		planted.Plant(planted.None)
		switch {
		case strikes == 0:
			t.Errorf("%s: never struck in %d seeds: it has no place, or the workload does not lead there", bug, seeds)
		case err == nil:
			t.Errorf("%s: struck %d times in %d seeds, and nothing noticed", bug, strikes, seeds)
		default:
			caught++
			fmt.Printf("%-44s | %-60s | %5d | %7.2f\n", bug, what(err), seeds, time.Since(begin).Seconds())
		}
	}
	fmt.Printf("%d planted, %d caught\n", tried, caught)
}

// catch runs seeds until one fails and returns how many that took. A bug that
// leaves every run right must at least not make two runs of one seed differ.
func catch(all []uint64) (seeds int, err error) {
	for _, part := range [][]uint64{all[:few], all[few:]} {
		_, failures := sweep(part, true)
		if len(failures) > 0 {
			first := slices.Min(slices.Collect(maps.Keys(failures)))
			return slices.Index(all, first) + 1, failures[first]
		}
		for _, seed := range part[:traceSeeds] {
			if first, second := Run(seed, true), Run(seed, true); first.Trace != second.Trace {
				return slices.Index(all, part[len(part)-1]) + 1, fmt.Errorf("the same seed: two traces")
			}
		}
	}
	return len(all), nil
}

// where is when and on which shard a check failed.
var where = regexp.MustCompile(`^(at (step \d+, )?\d+ ms: )?(shard \d+: )?`)

// what is the check that noticed, without the particulars.
func what(err error) string {
	text, _, _ := strings.Cut(where.ReplaceAllString(err.Error(), ""), "\n")
	parts := strings.SplitN(text, ": ", 3)
	text = strings.Join(parts[:min(len(parts), 2)], ": ")
	return text[:min(len(text), 60)]
}
