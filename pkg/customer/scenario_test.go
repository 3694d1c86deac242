package customer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestScenarios runs what an analyst can read: every file in testdata.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	count := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		scenarios, err := parseScenarios(file, string(text))
		require.NoError(t, err)
		count += len(scenarios)
		for _, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				w, err := newWorld()
				require.NoError(t, err)
				require.NoError(t, w.play(file, s))
			})
		}
	}
	require.GreaterOrEqual(t, count, 45, "scenarios were lost")
}
