package check

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireCommand asks the binary for its help with these arguments: it looks at
// the command and its flags first.
func requireCommand(t *testing.T, args []string) {
	t.Helper()
	require.NotEmpty(t, args)
	binary := os.Getenv("TIDEMARK")
	if binary == "" {
		t.Log("TIDEMARK names no binary: the commands are not tried")
		return
	}
	_, err := os.Stat(binary)
	require.NoError(t, err)
	output, err := exec.Command(binary, append(args, "--help")...).CombinedOutput()
	require.NoError(t, err, "tidemark %v: %s", args, output)
	require.Contains(t, string(output), "tidemark "+args[0]+" ", "tidemark %v does not know the command", args)
}
