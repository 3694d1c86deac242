package event_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// fuzzPolicy rejects for every reason: it has rates, and bounds that a short value can reach.
func fuzzPolicy() *policy.Policy {
	p := policy.Default()
	p.Rates = map[string]string{"USD": "0.92", "JPY": "0.0061", "BHD": "2.44"}
	p.MaxEventBytes = 4000
	return p
}

// FuzzDecode holds the decoder against one made of encoding/json, math/big, regexp and time: the same reason for every
// value, and the same event where there is none.
func FuzzDecode(f *testing.F) {
	for _, value := range benchmarks {
		f.Add([]byte(value.value), int64(1772359200123), int64(1772359200123))
	}
	p := fuzzPolicy()
	decoder, err := event.NewDecoder(p)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value []byte, timestamp, latest int64) {
		record := event.Record{Timestamp: max(timestamp, -1), Partitions: 2, Latest: instant.None}
		record.Timestamp = min(record.Timestamp, 1<<60) // beyond lie sums that leave int64
		if latest >= 0 {
			record.Latest = latest
		}
		want := reference{policy: p, record: record}
		wanted := want.decode(value)

		before := bytes.Clone(value)
		var got event.Event
		reason := decoder.Decode(value, record, &got)
		require.Equal(t, wanted.String(), reason.String(), "%q", value)
		require.Equal(t, before, value, "the value was written to")
		if reason != event.OK {
			return
		}
		require.Equal(t, want.event, got, "%q", value)
		require.True(t, json.Valid(value))
	})
}
