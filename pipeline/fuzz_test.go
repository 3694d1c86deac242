package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
)

// FuzzOutbox: whatever Redis holds in the place of an outbox, and whatever is read
// is written the same again.
func FuzzOutbox(f *testing.F) {
	var o outbox
	o.add(unsent{at: []byte(`{"offsets":{},"stream_time":null}`), trace: []byte("00-1"),
		value: []byte(`{"id":"9f1c9f1c9f1c9f1c9f1c9f1c9f1c9f1c","customer_id":"c-42","version":7,"dimension":"lifecycle","from":"loyal","to":"edge","effective_at":"2026-03-01T10:00:00.000Z"}`)})
	f.Add(o.encode(nil))
	f.Add([]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01})
	f.Fuzz(func(t *testing.T, raw []byte) {
		read, err := decodeOutbox(raw)
		if err != nil {
			require.Empty(t, read.entries)
			return
		}
		again, err := decodeOutbox(read.encode(nil))
		require.NoError(t, err)
		require.Equal(t, read, again)
		require.Equal(t, read.end(), int64(read.stored), "what is read is stored")
	})
}

// FuzzPosition: whatever a header tidemark-at holds.
func FuzzPosition(f *testing.F) {
	f.Add([]byte(`{"offsets":{"clicks":7,"purchases":0},"stream_time":"2026-03-01T10:00:00.000Z"}`))
	f.Add([]byte(`{"offsets":null,"stream_time":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		read, err := parsePosition(raw)
		if err != nil {
			return
		}
		topics := []store.Topic{}
		for name, next := range read.offsets {
			if name == "clicks" || name == "purchases" { // names that JSON need not escape
				topics = append(topics, store.Topic{Name: name, Next: next})
			}
		}
		if len(topics) != len(read.offsets) {
			return
		}
		again, err := parsePosition(appendPosition(nil, topics, read.clock))
		require.NoError(t, err)
		require.Equal(t, read.clock, again.clock)
		require.GreaterOrEqual(t, read.clock, instant.None)
		for name, next := range read.offsets {
			require.GreaterOrEqual(t, next, int64(0), "an offset is never negative")
			require.Equal(t, next, again.offsets[name])
		}
	})
}
