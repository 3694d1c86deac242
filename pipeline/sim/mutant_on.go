//go:build mutants

package sim

import "github.com/tidemark/tidemark/pipeline"

// mutated plants those bugs that live in the server's script rather than in the
// shard.
func mutated(m pipeline.Mutant) bool { return pipeline.ActiveMutant == m }
