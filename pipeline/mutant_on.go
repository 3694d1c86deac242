//go:build mutants

package pipeline

// ActiveMutant is the planted bug that is switched on. Only the mutation test
// sets it, between runs.
var ActiveMutant Mutant

func mutated(m Mutant) bool { return ActiveMutant == m }
