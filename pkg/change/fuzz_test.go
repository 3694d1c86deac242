package change_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Whatever lies in the changes topic: Parse never panics, and what it accepts is
// within the bounds that a take-over relies on.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c","customer_id":"c-42","version":7,"dimension":"lifecycle","from":"loyal","to":"edge","effective_at":"2026-03-01T10:00:00.000Z"}`))
	f.Add([]byte(`{"id":"00000000000000000000000000000000","customer_id":"\u0000","version":1,"dimension":"lifecycle","from":null,"to":null,"effective_at":"1970-01-01T00:00:00.000Z"}`))
	f.Add([]byte(`{"version":9223372036854775808}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		head, err := change.Parse(value)
		if err != nil {
			require.Zero(t, head)
			return
		}
		require.Regexp(t, "^[0-9a-f]{32}$", head.ID)
		require.NotEmpty(t, head.Customer)
		require.Positive(t, head.Version)
		for _, s := range []segment.Segment{head.From, head.To} {
			require.Less(t, int(s), segment.Count)
		}
	})
}
