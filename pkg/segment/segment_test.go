package segment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/segment"
)

func TestNames(t *testing.T) {
	want := []string{"", "loyal", "potential", "edge", "churned"}
	require.Len(t, want, segment.Count)
	for i, name := range want {
		s := segment.Segment(i)
		require.Equal(t, name, s.String())
		parsed, ok := segment.Parse(name)
		require.Equal(t, s, parsed)
		require.Equal(t, s != segment.None, ok, "the lack of a segment has no name")
	}
}

func TestOtherNamesAreRefused(t *testing.T) {
	for _, name := range []string{"null", "Loyal", " loyal", "loyal ", "none", "churn"} {
		_, ok := segment.Parse(name)
		require.False(t, ok, name)
	}
	require.Empty(t, segment.Segment(segment.Count).String())
}
