package event

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names that are compared one by one stay few, however many an object has and however many objects lie around it.
func TestManyNamesAreNotComparedOneByOne(t *testing.T) {
	var n names
	outer := n.open()
	require.True(t, n.add(&outer, []byte("outer")))
	inner := n.open()
	for i := range 1000 {
		require.True(t, n.add(&inner, fmt.Appendf(nil, "n%d", i)))
		require.LessOrEqual(t, len(n.listed), 1+few)
	}
	require.Equal(t, []string{"outer"}, n.listed)
	require.Len(t, n.many, 1000)
	require.False(t, n.add(&inner, []byte("n0")))
	require.False(t, n.add(&inner, []byte("n999")))
	require.True(t, n.add(&inner, []byte("outer")))
	n.close(inner)
	require.True(t, n.add(&outer, []byte("n0")))
	require.False(t, n.add(&outer, []byte("outer")))
}

func TestMemoryOfAHostileDocumentIsGivenBack(t *testing.T) {
	var n names
	set := n.open()
	for i := range 10 * keptNames {
		n.add(&set, fmt.Appendf(nil, "n%d", i))
	}
	n.unescape(make([]byte, 10*keptArena))
	n.forget()
	require.Nil(t, n.many)
	require.Nil(t, n.arena)

	set = n.open()
	for i := range keptNames {
		n.add(&set, fmt.Appendf(nil, "n%d", i))
	}
	n.unescape(make([]byte, keptArena/2))
	n.forget()
	require.NotNil(t, n.many)
	require.Empty(t, n.many)
	require.NotZero(t, cap(n.arena))
}
