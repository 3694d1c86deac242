package deadletter

import (
	"bytes"
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

// FuzzParseJSON: whatever an operator's file holds; and what PrintJSON writes is
// read back the same.
func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"partition":1,"offset":2,"rejected_at":"2026-03-01T10:00:00.123Z","reason":"malformed","from":{"topic":"purchases","partition":3,"offset":7},` +
		`"key":"c-1","value":null,"value_base64":"PP8+","headers":[{"key":"h","value":"x"},{"key":"null","value":null}]}`))
	f.Add([]byte(`{"rejected_at":"2026-03-01T10:00:00.123Z","reason":"too_late","from":{},"key":"","value":"\u2028"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		at, letter, err := ParseJSON(line)
		if err != nil {
			return
		}
		var printed bytes.Buffer
		require.NoError(t, letter.PrintJSON(&printed, at))
		sameAt, same, err := ParseJSON(printed.Bytes())
		require.NoError(t, err, "%s", &printed)
		require.Equal(t, at, sameAt)
		require.Equal(t, letter, same)
	})
}
