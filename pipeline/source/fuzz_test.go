package source

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

// FuzzForwarded: whatever a producer writes into the header of a forwarded record,
// a record's time is its own or an earlier one, and in the calendar.
func FuzzForwarded(f *testing.F) {
	for _, header := range []string{"0", "1772359200123", "-1", "253402300800000", "9223372036854775808", "", "1e3", "+1"} {
		f.Add(int64(1772359200124), []byte(header))
		f.Add(int64(-1), []byte(header))
	}
	f.Fuzz(func(t *testing.T, own int64, header []byte) {
		at := Forwarded(own, []recordbatch.Header{{Key: TimestampHeader, Value: header}})
		if at == own {
			return
		}
		require.True(t, at >= 0 && at <= lastInstant && (own < 0 || at < own), "%d of %d and %q", at, own, header)
		digits := bytes.TrimLeft(header, "0")
		if at == 0 {
			require.Empty(t, digits)
			return
		}
		require.Equal(t, strconv.FormatInt(at, 10), string(digits))
	})
}
