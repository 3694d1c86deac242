package recordbatch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// read returns all records that r has left, copied.
func read(t *testing.T, r *Reader) []message {
	t.Helper()
	var out []message
	var rec Record
	for {
		ok, err := r.Next(&rec)
		require.NoError(t, err)
		if !ok {
			return out
		}
		out = append(out, messageOf(&rec))
	}
}

// message is a record with everything in it, to compare.
type message struct {
	Offset, Time int64
	Key, Value   []byte
	Headers      []Header
}

func messageOf(r *Record) message {
	return message{Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value, Headers: r.AppendHeaders(nil)}
}

// build writes a batch of messages.
func build(t testing.TB, o Options, ms ...message) []byte {
	t.Helper()
	var b Builder
	b.Start(nil, o)
	for _, m := range ms {
		b.Add(m.Time, m.Key, m.Value, m.Headers)
	}
	raw, err := b.Finish()
	require.NoError(t, err)
	return raw
}

// seal makes the sum right again after a test changed a single batch.
func seal(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[atCRC:], crc32.Checksum(raw[atAttributes:], castagnoli))
	return raw
}

func orAttributes(raw []byte, bits uint16) {
	be := binary.BigEndian
	be.PutUint16(raw[atAttributes:], be.Uint16(raw[atAttributes:])|bits)
}

// transactional makes raw a batch of a transaction of producer.
func transactional(raw []byte, producer int64) []byte {
	orAttributes(raw, transactionalBit)
	binary.BigEndian.PutUint64(raw[atProducer:], uint64(producer))
	return seal(raw)
}

// marker is the control batch that ends a transaction: kind 0 aborts, 1 commits.
func marker(t testing.TB, offset, producer int64, kind byte) []byte {
	raw := build(t, Options{BaseOffset: offset}, message{Key: []byte{0, 0, 0, kind}, Value: []byte{0, 0, 0, 0, 0, 0}})
	orAttributes(raw, controlBit)
	return transactional(raw, producer)
}

func join(batches ...[]byte) (raw []byte) {
	for _, b := range batches {
		raw = append(raw, b...)
	}
	return raw
}

func value(s string) message { return message{Time: 1000, Value: []byte(s)} }

func values(ms []message) (out []string) {
	for _, m := range ms {
		out = append(out, string(m.Value))
	}
	return out
}

func TestReaderReturnsWhatWasWritten(t *testing.T) {
	ms := []message{
		{Offset: 7, Time: 1700000000123, Key: []byte("c-1"), Value: []byte(`{"a":1}`), Headers: []Header{{"h", []byte("v")}, {"", nil}, {"h", []byte{}}}},
		{Offset: 8, Time: -1, Key: nil, Value: nil},
		{Offset: 9, Time: 0, Key: []byte{}, Value: []byte{}},
		{Offset: 10, Time: math.MaxInt64, Key: make([]byte, 300), Value: make([]byte, 1<<20+64<<10)},
		{Offset: 11, Time: 1, Value: []byte{0xff, 0}},
	}
	for _, codec := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		t.Run(fmt.Sprint(codec), func(t *testing.T) {
			raw := build(t, Options{BaseOffset: 7, Codec: codec}, ms...)
			var r Reader
			r.Reset(raw, 7, nil)
			got := read(t, &r)
			require.Equal(t, ms, got) // tells nil from empty
			require.EqualValues(t, 12, r.Position())
		})
	}
}

func TestReaderBeginsAtTheOffsetAsked(t *testing.T) {
	raw := join(
		build(t, Options{BaseOffset: 0}, value("a"), value("b")),
		build(t, Options{BaseOffset: 2}, value("c"), value("d"), value("e")),
		build(t, Options{BaseOffset: 5}, value("f")))
	for from, want := range map[int64]string{0: "abcdef", 1: "bcdef", 2: "cdef", 4: "ef", 5: "f", 6: ""} {
		var r Reader
		r.Reset(raw, from, nil)
		require.Equal(t, from, r.Position())
		got := ""
		for _, v := range values(read(t, &r)) {
			got += v
		}
		require.Equal(t, want, got)
		require.EqualValues(t, 6, r.Position())
	}
}

func TestPositionFollowsWhatWasReturned(t *testing.T) {
	raw := join(
		build(t, Options{BaseOffset: 10}, value("a"), value("b")),
		marker(t, 12, 1, 1),
		build(t, Options{BaseOffset: 13}, value("c")))
	var r Reader
	var rec Record
	r.Reset(raw, 10, nil)
	for _, want := range []int64{11, 12, 14} { // 12 is passed over with the third
		ok, err := r.Next(&rec)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, r.Position())
	}
}

func TestPositionStepsOverControlBatchesAtTheEnd(t *testing.T) {
	raw := join(transactional(build(t, Options{BaseOffset: 3}, value("a")), 9), marker(t, 4, 9, 1))
	var r Reader
	r.Reset(raw, 3, nil)
	require.Equal(t, []string{"a"}, values(read(t, &r)))
	require.EqualValues(t, 5, r.Position())
}

func TestReaderStepsOverWhatCompactionRemoved(t *testing.T) {
	// Of offsets 20 to 29 only 23 is left, and the batch from 30 to 34 is an empty shell.
	raw := build(t, Options{BaseOffset: 20}, value("w"), value("x"), value("y"), value("z"))
	kept := build(t, Options{BaseOffset: 20}, value("z"))
	kept[headerSize+3] = 6 // zigzag of 3: the record's offset
	binary.BigEndian.PutUint32(kept[atLastDelta:], 9)
	shell := build(t, Options{BaseOffset: 30}, value(""))[:headerSize]
	binary.BigEndian.PutUint32(shell[atLength:], headerSize-frameSize)
	binary.BigEndian.PutUint32(shell[atLastDelta:], 4)
	binary.BigEndian.PutUint32(shell[atCount:], 0)

	var r Reader
	var rec Record
	r.Reset(join(seal(kept), seal(shell)), 20, nil)
	ok, err := r.Next(&rec)
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 23, rec.Offset)
	require.EqualValues(t, 30, r.Position(), "the last record of a batch carries the position behind the batch")
	require.Empty(t, read(t, &r))
	require.EqualValues(t, 35, r.Position())

	r.Reset(raw, 20, nil)
	require.Len(t, read(t, &r), 4, "the helper's batch is whole to begin with")
}

func TestAppendTimeReplacesEveryTimestamp(t *testing.T) {
	ms := []message{{Time: 5, Value: []byte("a")}, {Time: 99, Value: []byte("b")}, {Time: -1, Value: []byte("c")}}
	var r Reader
	r.Reset(build(t, Options{AppendTime: 4242}, ms...), 0, nil)
	for _, m := range read(t, &r) {
		require.EqualValues(t, 4242, m.Time)
	}

	// The greatest timestamp alone says nothing: without the bit it is only an index for seeks.
	raw := build(t, Options{}, ms...)
	binary.BigEndian.PutUint64(raw[atMaxTime:], 4242)
	r.Reset(seal(raw), 0, nil)
	require.EqualValues(t, 5, read(t, &r)[0].Time)
}

func TestAbortedTransactionsAreVoid(t *testing.T) {
	raw := join(
		transactional(build(t, Options{BaseOffset: 0}, value("void-1")), 1),
		transactional(build(t, Options{BaseOffset: 1}, value("two-1")), 2),
		build(t, Options{BaseOffset: 2}, value("plain")),
		marker(t, 3, 1, 0),
		transactional(build(t, Options{BaseOffset: 4}, value("kept-1")), 1), // the same producer's next one
		marker(t, 5, 2, 1),
		marker(t, 6, 1, 1),
		transactional(build(t, Options{BaseOffset: 7}, value("void-2"), value("void-2")), 1),
		marker(t, 9, 1, 0),
		build(t, Options{BaseOffset: 10}, value("end")))
	aborted := []Aborted{{ProducerID: 1, FirstOffset: 7}, {ProducerID: 1, FirstOffset: 0}} // in no order

	var r Reader
	for range 2 { // a Reader that is used again has forgotten the first time
		r.Reset(raw, 0, aborted)
		require.Equal(t, []string{"two-1", "plain", "kept-1", "end"}, values(read(t, &r)))
		require.EqualValues(t, 11, r.Position())
	}

	r.Reset(raw, 4, aborted) // the marker before 4 still ends the first one
	require.Equal(t, []string{"kept-1", "end"}, values(read(t, &r)))

	r.Reset(raw[:len(raw)-len(build(t, Options{BaseOffset: 10}, value("end")))], 7, aborted[:1])
	require.Empty(t, read(t, &r))
	require.EqualValues(t, 10, r.Position(), "a voided end is consumed all the same")
}

// Kafka judges by the bit, not by the producer: so does the Java client.
func TestABatchOutsideOfTransactionsIsNeverVoid(t *testing.T) {
	outside := build(t, Options{BaseOffset: 1}, value("plain"))
	binary.BigEndian.PutUint64(outside[atProducer:], 1)
	raw := join(transactional(build(t, Options{BaseOffset: 0}, value("void")), 1), seal(outside))
	var r Reader
	r.Reset(raw, 0, []Aborted{{ProducerID: 1, FirstOffset: 0}})
	require.Equal(t, []string{"plain"}, values(read(t, &r)))
}

// The shards keep slices of what they read while the reader goes on.
func TestRecordsStayGood(t *testing.T) {
	for _, codec := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		var r Reader
		var got []message
		for i := range int64(3) {
			first := build(t, Options{BaseOffset: 2 * i, Codec: codec}, value(fmt.Sprint("value ", 2*i)))
			second := build(t, Options{BaseOffset: 2*i + 1, Codec: codec}, value(fmt.Sprint("value ", 2*i+1)))
			r.Reset(join(first, second), 2*i, nil)
			got = append(got, read(t, &r)...)
		}
		require.Equal(t, []string{"value 0", "value 1", "value 2", "value 3", "value 4", "value 5"}, values(got))
	}
}

func TestBuilderNotesTheGreatestTimestamp(t *testing.T) {
	for want, times := range map[int64][]int64{30: {20, 30, 10}, -1: {-1, -1}, 0: {0}} {
		var ms []message
		for _, at := range times {
			ms = append(ms, message{Time: at})
		}
		b, ok, err := frame(build(t, Options{}, ms...))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, b.maxTime())
		require.Equal(t, times[0], b.baseTime())
		require.EqualValues(t, len(times)-1, b.last)
		require.EqualValues(t, -1, b.producer())
	}
}

func TestPartOfABatchWaitsForTheNextFetch(t *testing.T) {
	first, second := build(t, Options{BaseOffset: 0}, value("a")), build(t, Options{BaseOffset: 1}, value("b"))
	for cut := range len(second) {
		var r Reader
		r.Reset(join(first, second[:cut]), 0, nil)
		require.Equal(t, []string{"a"}, values(read(t, &r)))
		require.EqualValues(t, 1, r.Position())
	}
}

func TestHeaderIsTheLastOfItsName(t *testing.T) {
	var r Reader
	var rec Record
	r.Reset(build(t, Options{}, message{Headers: []Header{{"a", []byte("1")}, {"b", nil}, {"a", []byte("2")}}}), 0, nil)
	_, err := r.Next(&rec)
	require.NoError(t, err)

	v, ok := rec.Header("a")
	require.True(t, ok)
	require.Equal(t, "2", string(v))
	v, ok = rec.Header("b")
	require.True(t, ok)
	require.Nil(t, v)
	_, ok = rec.Header("c")
	require.False(t, ok)
	for h := range rec.Headers() {
		require.Equal(t, "a", h.Key)
		break
	}
}

func TestNothingIsAnEnd(t *testing.T) {
	var r Reader
	require.Empty(t, read(t, &r))
	r.Reset(nil, 5, nil)
	require.Empty(t, read(t, &r))
	require.EqualValues(t, 5, r.Position())
}

func TestReadingAllocatesNothingPerRecord(t *testing.T) {
	raw := sample(t, 500, None)
	var r Reader
	var rec Record
	var sum int
	allocs := testing.AllocsPerRun(20, func() {
		r.Reset(raw, 0, nil)
		for {
			ok, err := r.Next(&rec)
			if err != nil {
				t.Error(err)
			}
			if !ok {
				return
			}
			v, _ := rec.Header("traceparent")
			for h := range rec.Headers() {
				sum += len(h.Key)
			}
			sum += len(v) + len(rec.Value)
		}
	})
	require.Positive(t, sum)
	require.Zero(t, allocs)
}

func TestEndIsWhereTheReaderEnds(t *testing.T) {
	first, second := build(t, Options{BaseOffset: 3}, value("a"), value("b")), build(t, Options{BaseOffset: 9}, value("c"))
	require.EqualValues(t, 5, End(first, 0))
	require.EqualValues(t, 10, End(join(first, second), 4))
	require.EqualValues(t, 5, End(join(first, second[:len(second)-1]), 3), "a part of a batch is fetched again")
	require.EqualValues(t, 7, End(first, 7))
	require.EqualValues(t, 2, End(nil, 2))
	second[atMagic] = 1
	require.EqualValues(t, 5, End(join(first, second), 3))
}
