package change_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/segment"
)

func TestMovesAreCountedByFromToAndCause(t *testing.T) {
	var m change.Moves
	lapse := change.Change{From: segment.Loyal, To: segment.Edge, Cause: change.Timer}
	m.Add(&lapse)
	m.Add(&lapse)
	m.Add(&change.Change{To: segment.Potential, Cause: change.Event})
	var want change.Moves
	want[segment.Loyal][segment.Edge][change.Timer] = 2
	want[segment.None][segment.Potential][change.Event] = 1
	require.Equal(t, want, m)
}
