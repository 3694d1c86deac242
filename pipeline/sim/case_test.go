package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACaseReadsAsItIsWritten(t *testing.T) {
	for _, text := range []string{
		"42",
		"42 salt=3 without=crashes,truncation workers=1 customers=-0,4 events=0-3,9",
		"1 events=",
	} {
		c, err := ParseCase(text)
		require.NoError(t, err)
		require.Equal(t, text, c.String())
	}
	_, err := ParseCase("")
	require.ErrorContains(t, err, "begin with a seed")
}

// What a case leaves out is not there; all else is.
func TestACaseLeavesOut(t *testing.T) {
	seed := uint64(1)
	whole := Case{Seed: seed}.scenario()
	for len(whole.Faults.present()) < 3 {
		seed++
		whole = Case{Seed: seed}.scenario()
	}
	all := newWorkload(&whole)
	for _, kind := range kinds() {
		s := Case{Seed: seed, Without: []string{kind}}.scenario()
		require.NotContains(t, s.Faults.present(), kind)
	}
	s := Case{Seed: seed, Without: kinds()}.scenario()
	require.Empty(t, s.Faults.present())

	few := Case{Seed: seed, Customers: []int{0}, Events: []span{{0, 9}, {20, 20}}}.scenario()
	records := 0
	for _, p := range newWorkload(&few).parcels {
		records += len(p.records)
		for _, m := range p.meant {
			require.NotEqual(t, all.customers[0], m.customer)
		}
	}
	require.Positive(t, records)
	require.LessOrEqual(t, records, 11)
}
