package real

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What stands above a table must name what it was made with.
func TestThisMachine(t *testing.T) {
	m, err := ThisMachine(t.Context())
	require.NoError(t, err)
	require.Positive(t, m.Cores)
	require.Regexp(t, `^4\.\d`, m.Kafka)
	require.Contains(t, m.String(), "Kafka "+m.Kafka)
}
