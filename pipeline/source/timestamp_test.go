package source

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

func TestTimestampOfARecord(t *testing.T) {
	for _, c := range []struct {
		name   string
		own    int64
		header string
		want   int64
	}{
		{"its own", 1000, "", 1000},
		{"of the record it was forwarded from", 1000, "400", 400},
		{"never a later one", 1000, "2000", 1000},
		{"no digits", 1000, "4e2", 1000},
		{"a sign", 1000, "-1", 1000},
		{"none", -1, "", -1},
		{"none but the header", -1, "400", 400},
		{"outside of the calendar", lastInstant + 1, "", -1},
		{"the last instant", lastInstant, "", lastInstant},
		{"header outside of the calendar", 1000, "253402300800000", 1000},
		{"both outside", lastInstant + 5, "253402300800000", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []recordbatch.Header
			if c.header != "" {
				headers = []recordbatch.Header{{Key: TimestampHeader, Value: []byte(c.header)}}
			}
			var b recordbatch.Builder
			b.Start(nil, recordbatch.Options{})
			b.Add(c.own, nil, []byte("{}"), headers)
			raw, err := b.Finish()
			require.NoError(t, err)
			var r recordbatch.Reader
			var record recordbatch.Record
			r.Reset(raw, 0, nil)
			ok, err := r.Next(&record)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, c.want, Timestamp(&record))
		})
	}
}
