//go:build mutants

package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/planted"
)

// TestMutantsAreShrunk: of a run that a planted bug spoils little is left, and
// what is printed repeats it.
func TestMutantsAreShrunk(t *testing.T) {
	planted.Plant(planted.TimersAfterEvent)
	defer planted.Plant(planted.None)
	var c Case
	Sweep(t.Context(), Seeds(1, enough), func(failed Case, o Outcome) bool {
		if o.Err != nil {
			c = failed
		}
		return o.Err == nil
	})
	require.NotZero(t, c.Seed, "no seed notices the bug")

	smaller := Shrink(t.Context(), c, func(Case, error) {})
	again, err := ParseCase(smaller.String())
	require.NoError(t, err)
	require.Error(t, again.Run(false).Err)
	whole, left := c.scenario(), again.scenario()
	require.Empty(t, left.Faults.present(), "the bug needs no fault: %s", again)
	require.Less(t, sizeOfWorkload(&left), sizeOfWorkload(&whole)/4, "%s", again)
	planted.Plant(planted.None)
	require.NoError(t, again.Run(false).Err, "without the bug all is well")
}

func sizeOfWorkload(s *Scenario) (records int) {
	for _, p := range newWorkload(s).parcels {
		records += len(p.records)
	}
	return records
}
