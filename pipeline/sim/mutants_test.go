//go:build mutants

package sim

import (
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
const enough = 300

// TestMutants switches every planted bug on in turn and runs seeds until a check
// notices. It must not run beside other tests: the switch is global.
func TestMutants(t *testing.T) {
	all := make([]uint64, enough)
	for i := range all {
		all[i] = uint64(i) + 1
	}
	_, failures := sweep(all[:50], false)
	if report(t, failures); t.Failed() {
		t.Fatal("seeds fail without a planted bug")
	}
	caught := 0
	fmt.Printf("%-44s | %-60s | %5s | %s\n", "bug", "caught by", "seeds", "seconds")
	for _, bug := range planted.All() {
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
	fmt.Printf("%d planted, %d caught\n", len(planted.All()), caught)
}

// catch runs seeds until one fails and returns how many that took. A bug that
// leaves every run right must at least not make two runs of one seed differ.
func catch(all []uint64) (seeds int, err error) {
	_, failures := sweep(all, true)
	if len(failures) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(failures)))
		return slices.Index(all, first) + 1, failures[first]
	}
	for _, seed := range all[:traceSeeds] {
		first, second := Run(seed, true), Run(seed, true)
		if first.Trace != second.Trace {
			return len(all), fmt.Errorf("the same seed: two traces")
		}
	}
	return len(all), nil
}

// where is when and on which shard a check failed.
var where = regexp.MustCompile(`^(at \d+ ms: )?(shard \d+: )?`)

// what is the check that noticed, without the particulars.
func what(err error) string {
	text, _, _ := strings.Cut(where.ReplaceAllString(err.Error(), ""), "\n")
	parts := strings.SplitN(text, ": ", 3)
	text = strings.Join(parts[:min(len(parts), 2)], ": ")
	return text[:min(len(text), 60)]
}

// TestEveryBugHasAName: the table would not tell which one it is of.
func TestEveryBugHasAName(t *testing.T) {
	names := map[string]bool{}
	for _, bug := range planted.All() {
		require.NotEmpty(t, bug.String())
		names[bug.String()] = true
	}
	require.Len(t, names, len(planted.All()))
}
