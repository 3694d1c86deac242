package real

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nobody listens on these ports: only a memory of them keeps them apart. Without
// it, some thirty of so many would come twice.
func TestNoPortTwice(t *testing.T) {
	const n = 1_000
	ports, err := freePorts(n)
	require.NoError(t, err)
	slices.Sort(ports)
	require.Len(t, slices.Compact(ports), n)
}
