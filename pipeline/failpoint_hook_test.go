//go:build failpoints

package pipeline

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// WatchFailPoints tells of every fail point that is passed until the test ends.
func WatchFailPoints(t *testing.T, watch func(kind, moment string)) {
	was := passed
	passed = watch
	t.Cleanup(func() { passed = was })
}

// FailPoints are the names of all of them.
func FailPoints() (all []string) {
	for kind := OpHead; kind < opKinds; kind++ {
		all = append(all, kind.String()+"."+before, kind.String()+"."+after)
	}
	return all
}

func TestFailPointActsOnce(t *testing.T) {
	var acted []syscall.Signal
	was := act
	act = func(f *failPoint) { acted = append(acted, f.signal) }
	t.Cleanup(func() { act = was })
	f, err := parseFailPoint("commit.after:2:stop")
	require.NoError(t, err)
	for _, passing := range [][2]string{{"commit", before}, {"commit", after}, {"load", after}} {
		f.pass(passing[0], passing[1])
	}
	require.Empty(t, acted)
	f.pass("commit", after)
	f.pass("commit", after)
	require.Equal(t, []syscall.Signal{syscall.SIGSTOP}, acted)
	for _, wrong := range []string{"commit", "commit.after", "commit.after:0", "commit.amid:1", "commits.after:1", "commit.after:1:go"} {
		_, err := parseFailPoint(wrong)
		require.ErrorContains(t, err, wrong)
	}
}
