package deadletter

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
)

// stored passes a record through the log's format.
func stored(t require.TestingT, r sink.Record) *recordbatch.Record {
	var b recordbatch.Builder
	b.Start(nil, recordbatch.Options{BaseOffset: 70})
	b.Add(r.Time, r.Key, r.Value, r.Headers)
	raw, err := b.Finish()
	require.NoError(t, err)
	var reader recordbatch.Reader
	var rec recordbatch.Record
	reader.Reset(raw, 0, nil)
	ok, err := reader.Next(&rec)
	require.NoError(t, err)
	require.True(t, ok)
	return &rec
}

func TestTheRecordKeepsEverything(t *testing.T) {
	l := Letter{
		Topic: "purchases", Partition: 11, Offset: 1 << 40, Reason: "bad_value", RejectedAt: 1772359200123,
		Key: []byte("c-42"), Value: []byte(`{"amount":"x"}`),
		Headers: []sink.Header{{Key: "traceparent", Value: []byte("00-1")}, {Key: "n", Value: nil}},
	}
	r := l.Record()
	require.Equal(t, l.Key, r.Key)
	require.Equal(t, l.Value, r.Value)
	require.Equal(t, l.RejectedAt, r.Time)
	require.Equal(t, []sink.Header{
		{Key: "traceparent", Value: []byte("00-1")},
		{Key: "n", Value: nil},
		{Key: "tidemark-reason", Value: []byte("bad_value")},
		{Key: "tidemark-topic", Value: []byte("purchases")},
		{Key: "tidemark-partition", Value: []byte("11")},
		{Key: "tidemark-offset", Value: []byte("1099511627776")},
		{Key: "tidemark-rejected-at", Value: []byte("2026-03-01T10:00:00.123Z")},
	}, r.Headers)
	require.Len(t, l.Headers, 2, "the letter's own headers stay as they are")
}

func TestParseReadsBackWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := func(name string) []byte {
			if rapid.Bool().Draw(t, name+" is null") {
				return nil
			}
			return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name)
		}
		l := Letter{
			Topic:      rapid.String().Draw(t, "topic"),
			Partition:  rapid.Int32Min(0).Draw(t, "partition"),
			Offset:     rapid.Int64Min(0).Draw(t, "offset"),
			Reason:     rapid.String().Draw(t, "reason"),
			RejectedAt: rapid.Int64Range(0, 4102444800000).Draw(t, "at"),
			Key:        bytes("key"), Value: bytes("value"),
		}
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			name := rapid.SampledFrom([]string{"a", "", HeaderReason, HeaderTopic, HeaderOffset}).Draw(t, "name")
			l.Headers = append(l.Headers, sink.Header{Key: name, Value: bytes("header")})
		}
		got, err := Parse(stored(t, l.Record()))
		require.NoError(t, err)
		require.Equal(t, l, got)
	})
}

// A letter fed back into an input and rejected again tells of both times.
func TestALetterInALetter(t *testing.T) {
	first := Letter{Topic: "purchases", Partition: 3, Offset: 5, Reason: "malformed", Value: []byte("{")}
	r := first.Record()
	second := Letter{Topic: "clicks", Partition: 4, Offset: 6, Reason: "misplaced", Value: r.Value, Headers: r.Headers}
	got, err := Parse(stored(t, second.Record()))
	require.NoError(t, err)
	require.Equal(t, second, got)
}

func TestParseRefusesWhatIsNoLetter(t *testing.T) {
	good := (&Letter{Topic: "t", Reason: "malformed"}).Record()
	for name, harm := range map[string]func(headers []sink.Header) []sink.Header{
		"header tidemark-reason is missing": func(h []sink.Header) []sink.Header { return h[1:] },
		"header tidemark-partition":         func(h []sink.Header) []sink.Header { h[2].Value = []byte("2147483648"); return h },
		"header tidemark-offset":            func(h []sink.Header) []sink.Header { h[3].Value = nil; return h },
		"header tidemark-rejected-at":       func(h []sink.Header) []sink.Header { h[4].Value = []byte("yesterday"); return h },
	} {
		r := good
		r.Headers = harm(append([]sink.Header(nil), good.Headers...))
		_, err := Parse(stored(t, r))
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "at offset 70")
	}
}
