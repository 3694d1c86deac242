package profile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

// Whatever a store holds: Decode never panics, and what it accepts is a sound
// profile, which is written canonically and read back the same.
func FuzzDecode(f *testing.F) {
	goldens, err := filepath.Glob("testdata/schema*/*")
	require.NoError(f, err)
	require.NotEmpty(f, goldens)
	for _, path := range goldens {
		golden, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(golden)
	}
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, stored []byte) {
		p := profile.New()
		if err := p.Decode(stored); err != nil {
			require.True(t, p.Empty(), "nothing is left of damaged bytes")
			return
		}
		canonical := p.Append(nil)
		q := profile.New()
		require.NoError(t, q.Decode(canonical))
		require.Equal(t, visible(p), visible(q))
		require.Equal(t, canonical, q.Append(nil))
		line, message, _ := bytes.Cut(stored, []byte{'\n'})
		canonicalLine, canonicalMessage, _ := bytes.Cut(canonical, []byte{'\n'})
		require.Equal(t, line, canonicalLine)
		require.Equal(t, canonicalMessage, schema.reprint(t, message), "profile.proto reads it as we do")

		// What was accepted can be worked with: no overflow, no endless loop.
		ev := event.Event{Type: event.Purchase, ID: "e", OrderID: "o", Amount: 1, Time: 1 << 52}
		p.Expire(1<<52, policy.Default().Horizon())
		p.Apply(&ev, 1<<52, policy.Default())
		require.NoError(t, q.Decode(p.Append(nil)))
	})
}
