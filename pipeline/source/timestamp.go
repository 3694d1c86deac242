package source

import (
	"slices"
	"strconv"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

// TimestampHeader is the header with which a forwarded record keeps its time:
// unix ms in decimal digits.
const TimestampHeader = "tidemark-timestamp"

// Timestamp is the record's time in unix ms: the broker's or the producer's, or
// that of the record it was forwarded from, where this is earlier. -1 is none,
// and so is one that no RFC 3339 time can say: what a producer writes there must
// not carry the shard's clock out of the calendar.
func Timestamp(r *recordbatch.Record) int64 {
	own := r.Timestamp
	if own > lastInstant {
		own = -1
	}
	header, ok := r.Header(TimestampHeader)
	if !ok {
		return own
	}
	return earlier(own, header)
}

// Forwarded is own, unix ms, or the time that the headers of a record keep, where
// this is earlier: Timestamp of a record that is known by its headers alone.
func Forwarded(own int64, headers []recordbatch.Header) int64 {
	for _, h := range slices.Backward(headers) { // the last one counts, as in a record
		if h.Key == TimestampHeader {
			return earlier(own, h.Value)
		}
	}
	return own
}

func earlier(own int64, header []byte) int64 {
	ms, err := strconv.ParseUint(string(header), 10, 63)
	if err != nil || int64(ms) > lastInstant || (own >= 0 && int64(ms) > own) {
		return own
	}
	return int64(ms)
}

// lastInstant is 9999-12-31T23:59:59.999Z, unix ms.
const lastInstant = 253402300799999

// WithTimestamp returns the headers of a record that is written again, so that
// its time stays at. A negative one is that of the writing.
func WithTimestamp(headers []recordbatch.Header, at int64) []recordbatch.Header {
	headers = slices.DeleteFunc(slices.Clone(headers), func(h recordbatch.Header) bool { return h.Key == TimestampHeader })
	if at < 0 {
		return headers
	}
	return append(headers, recordbatch.Header{Key: TimestampHeader, Value: strconv.AppendInt(nil, at, 10)})
}
