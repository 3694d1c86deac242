package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALease(t *testing.T) {
	now := time.Unix(1000, 0)
	l := lease{length: 3 * time.Second, now: func() time.Time { return now }}
	answers := func(after time.Duration, err error) error {
		return l.confirm(func() error {
			now = now.Add(after)
			return err
		})
	}
	require.False(t, l.holds(), "nobody was asked yet")
	require.NoError(t, answers(time.Second, nil))
	require.True(t, l.holds())
	now = now.Add(2*time.Second - 1)
	require.True(t, l.holds())
	now = now.Add(1)
	require.False(t, l.holds(), "it counts from the question, not from the answer")

	lost := errors.New("not a member")
	require.ErrorIs(t, answers(0, lost), lost)
	require.False(t, l.holds())
	require.NoError(t, answers(3*time.Second, nil))
	require.False(t, l.holds(), "the answer came too late")
	require.NoError(t, answers(0, nil))
	require.ErrorIs(t, answers(time.Second, lost), lost)
	require.True(t, l.holds(), "it is not taken back before it is over")
	now = now.Add(-time.Hour)
	require.True(t, l.holds())
}

// Commits of offsets, which come by themselves, keep a lease of the default
// session up: publishing need not wait for them.
func TestALeaseIsLongerThanCommitsAreApart(t *testing.T) {
	require.Greater(t, leaseOf(DefaultSessionTimeout), commitInterval+time.Second)
	require.Less(t, leaseOf(DefaultSessionTimeout), DefaultSessionTimeout)
}
