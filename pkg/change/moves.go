package change

import "github.com/tidemark/tidemark/pkg/segment"

// Moves counts changes by from, to and cause. The zero Moves is empty.
type Moves [segment.Count][segment.Count][Kinds]int64

// Add counts one change.
func (m *Moves) Add(c *Change) { m[c.From][c.To][c.Cause]++ }
