package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALease(t *testing.T) {
	now := time.Unix(1000, 0)
	l := NewLease(4500*time.Millisecond, func() time.Time { return now })
	answered := func(after time.Duration) {
		asked := now
		now = now.Add(after)
		l.Confirmed(asked)
	}
	require.False(t, l.Holds(), "nobody was asked yet")
	answered(time.Second)
	require.True(t, l.Holds())
	now = now.Add(2*time.Second - 1)
	require.True(t, l.Holds())
	now = now.Add(1)
	require.False(t, l.Holds(), "it counts from the question, not from the answer")
	answered(3 * time.Second)
	require.False(t, l.Holds(), "the answer came too late")
	answered(0)
	require.True(t, l.Holds())
	now = now.Add(-time.Hour)
	require.True(t, l.Holds())
}

// Commits of offsets, which come by themselves, keep a lease of the default
// session up: publishing need not wait for them.
func TestALeaseIsLongerThanCommitsAreApart(t *testing.T) {
	require.Greater(t, leaseOf(DefaultSessionTimeout), commitInterval+time.Second)
	require.Less(t, leaseOf(DefaultSessionTimeout), DefaultSessionTimeout)
}
