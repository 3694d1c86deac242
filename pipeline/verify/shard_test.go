package verify

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Redis may visit a key twice while it grows its table.
func TestACustomerWhoIsFoundTwiceCountsOnce(t *testing.T) {
	p := profile.New()
	p.Segment, p.Since, p.Version, p.FirstSeen, p.LastSeen, p.Armed = segment.Edge, 1, 2, 1, 1, 7
	s := &shard{people: map[string]*customer{}}
	for range 2 {
		s.store(&found{id: "c-1", value: p.Append(nil), timer: 7})
	}
	require.EqualValues(t, 1, s.sizes[edge])
	require.EqualValues(t, 1, s.armed)
	require.Nil(t, s.people["c-1"].broken)
}

// Where there are too many places some are left out: those that stay are as they
// were.
func TestPlacesThatAreLeftOut(t *testing.T) {
	s := samples{topics: 2}
	for i := range int64(maxSamples + 1) {
		s.add(&position{offsets: []int64{i, 2 * i}, clock: 3 * i})
	}
	require.False(t, s.crossed)
	require.Less(t, s.len(), maxSamples)
	require.Greater(t, s.len(), maxSamples/3)
	for i := range s.len() {
		if at := s.at(i, 0); s.at(i, 1) != 2*at || s.clocks[i] != 3*at || i > 0 && at <= s.at(i-1, 0) {
			require.Fail(t, "the places do not fit together", "%d: %d, %d at %d", i, at, s.at(i, 1), s.clocks[i])
		}
	}
	s.add(&position{offsets: []int64{maxSamples + 1, 2*maxSamples - 1}, clock: 3 * (maxSamples + 1)})
	require.True(t, s.crossed, "the last one is still known")
}
