package client

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/profile"
)

// FuzzLine: whatever Redis holds, reading the line of a value never panics; and a
// line of this release means the same to the reader of later ones.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		`{"lifecycle":"loyal","since":"2026-03-01T10:00:00.000Z","version":3,"next":"edge","next_at":"2026-05-30T10:00:00.000Z"}`,
		`{"lifecycle":null,"since":null,"version":0,"next":null,"next_at":null}`,
		`{"version":1,"tier":"gold"}`,
	} {
		f.Add([]byte(line + "\n"))
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		got, err := parse(value)
		require.Equal(t, before, value)
		line, own := profile.ParseLine(value)
		if own != nil {
			return
		}
		require.NoError(t, err)
		require.Equal(t, line, got)
		first, _, _ := bytes.Cut(value, []byte{'\n'})
		later, err := parse(append(append([]byte(" "), first...), '\n')) // one that this release would not write
		require.NoError(t, err)
		require.Equal(t, line, later)
	})
}
