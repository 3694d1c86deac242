package deadletter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/sink"
)

// FuzzParse: whatever headers a record of the dead-letter topic has. What is read
// is written, and read back the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte("c-1"), []byte("{"), "traceparent", []byte("00-1"), "malformed", "purchases", "11", "1099511627776", "2026-03-01T10:00:00.123Z")
	f.Add([]byte{}, []byte{}, HeaderOffset, []byte("7"), "", "", "-1", "-1", "2026-03-01T10:00:00Z")
	f.Fuzz(func(t *testing.T, key, value []byte, name string, header []byte, reason, topic, partition, offset, at string) {
		r := sink.Record{Key: key, Value: value, Headers: []sink.Header{{Key: name, Value: header}, {Key: HeaderReason, Value: []byte(reason)},
			{Key: HeaderTopic, Value: []byte(topic)}, {Key: HeaderPartition, Value: []byte(partition)},
			{Key: HeaderOffset, Value: []byte(offset)}, {Key: HeaderRejectedAt, Value: []byte(at)}}}
		letter, err := Parse(stored(t, r))
		if err != nil {
			require.ErrorContains(t, err, "at offset 70")
			return
		}
		require.GreaterOrEqual(t, letter.Partition, int32(0), "letters are sent back to where they came from")
		require.GreaterOrEqual(t, letter.Offset, int64(0))
		again, err := Parse(stored(t, letter.Record()))
		require.NoError(t, err)
		require.Equal(t, letter, again)
	})
}
