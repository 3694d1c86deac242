//go:build mutants

package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pipeline"
)

// enough is how many seeds a planted bug may take.
const enough = 300

// TestMutants switches every planted bug on in turn and runs seeds until one
// notices. It must not run beside other tests: the switch is global.
func TestMutants(t *testing.T) {
	var all []uint64
	for i := range uint64(enough) {
		all = append(all, i+1)
	}
	if _, failures := sweep(all[:50], false); len(failures) > 0 {
		report(t, failures)
		t.Fatal("seeds fail without a planted bug")
	}
	caught, planted := 0, 0
	for m := pipeline.NoMutant + 1; m < pipeline.MutantCount; m++ {
		planted++
		pipeline.ActiveMutant = m
		totals, failures := sweep(all, true)
		pipeline.ActiveMutant = pipeline.NoMutant
		if len(failures) == 0 {
			t.Errorf("%-45s survived %d seeds", m, totals.Seeds)
			continue
		}
		caught++
		for seed, err := range failures {
			fmt.Printf("%-45s %4d seeds  %s (seed %d)\n", m, totals.Seeds, what(err), seed)
			break
		}
	}
	fmt.Printf("%d planted, %d caught\n", planted, caught)
}

// what is the check that noticed, without the particulars.
func what(err error) string {
	text := err.Error()
	if line, _, ok := strings.Cut(text, "\n"); ok {
		text = line
	}
	parts := strings.SplitN(text, ": ", 4)
	return strings.Join(parts[:min(len(parts), 3)], ": ")
}
