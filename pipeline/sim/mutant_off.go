//go:build !mutants

package sim

import "github.com/tidemark/tidemark/pipeline"

// mutated is constantly false, as in package pipeline.
func mutated(pipeline.Mutant) bool { return false }
