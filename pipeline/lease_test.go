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
	l.Confirmed(now.Add(-time.Hour))
	require.True(t, l.Holds(), "an older answer that came later changes nothing")
	l.End()
	answered(0)
	require.False(t, l.Holds(), "the shards were given back")
}

// Who came too late to a rebalance is given up at its end. Until then he may have
// been silent for a session, heard of it at a heartbeat, drained, and been
// confirmed when he was done.
func TestARebalanceOutlastsTheLastLease(t *testing.T) {
	const heartbeat, drain = time.Second, 5 * time.Second
	for _, session := range []time.Duration{time.Second, 10 * time.Second, 5 * time.Minute} {
		confirmed := session + heartbeat + drain
		require.GreaterOrEqual(t, RebalanceTimeout(session, heartbeat, drain), confirmed+leaseOf(session))
	}
}

// Commits of offsets, which come by themselves, keep a lease of the default
// session up: publishing need not wait for them.
func TestALeaseIsLongerThanCommitsAreApart(t *testing.T) {
	require.Greater(t, leaseOf(DefaultSessionTimeout), commitInterval+time.Second)
	require.Less(t, leaseOf(DefaultSessionTimeout), DefaultSessionTimeout)
}
