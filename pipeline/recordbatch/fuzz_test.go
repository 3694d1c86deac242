package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/stretchr/testify/require"
)

// FuzzReader feeds it anything: as it is, and with every sum made right, since
// otherwise hardly an input would come past that check.
func FuzzReader(f *testing.F) {
	for _, codec := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		f.Add(build(f, Options{BaseOffset: 5, Codec: codec}, value("a"), value("b")), int64(6), int64(1), int64(0))
	}
	f.Fuzz(func(t *testing.T, raw []byte, from, producer, first int64) {
		from &^= -1 << 63 // offsets are not negative
		aborted := []Aborted{{ProducerID: producer, FirstOffset: first}}
		for _, data := range [][]byte{raw, resealed(raw)} {
			walk(t, data, from, aborted)
		}
	})
}

// walk holds a reader of raw to all that Next and Position promise.
func walk(t *testing.T, raw []byte, from int64, aborted []Aborted) {
	before := bytes.Clone(raw)
	all, end, failed := fuzzRead(t, raw, from, aborted)
	require.Equal(t, before, raw, "reading changes nothing")
	if len(all) == 0 {
		return
	}
	// Whoever stops in the middle and goes on from there reads the same rest.
	half := all[len(all)/2]
	rest, restEnd, restFailed := fuzzRead(t, raw, half.Position, aborted)
	require.Equal(t, append([]step(nil), all[len(all)/2+1:]...), rest)
	require.Equal(t, end, restEnd)
	require.True(t, restFailed || !failed)
}

type step struct {
	Message  message
	Position int64
}

func fuzzRead(t *testing.T, raw []byte, from int64, aborted []Aborted) (all []step, end int64, failed bool) {
	var r Reader
	var rec Record
	r.Reset(raw, from, aborted)
	r.limit = 1 << 20
	last, position := from-1, from
	for {
		ok, err := r.Next(&rec)
		require.GreaterOrEqual(t, r.Position(), position, "the position never goes back")
		position = r.Position()
		if !ok {
			again, sameErr := r.Next(&rec)
			require.False(t, again)
			require.Equal(t, err, sameErr)
			return all, position, err != nil
		}
		require.NoError(t, err)
		require.Greater(t, rec.Offset, last)
		require.Greater(t, position, rec.Offset)
		last = rec.Offset
		m := messageOf(&rec)
		for _, h := range m.Headers {
			_, found := rec.Header(h.Key)
			require.True(t, found)
		}
		all = append(all, step{m, position})
	}
}

// resealed returns raw with the sum of every batch made right that can be made out.
func resealed(raw []byte) []byte {
	raw = bytes.Clone(raw)
	for rest := raw; len(rest) > headerSize; {
		size := frameSize + int(int32(binary.BigEndian.Uint32(rest[atLength:])))
		if size < headerSize || size > len(rest) {
			break
		}
		seal(rest[:size:size])
		rest = rest[size:]
	}
	return raw
}

// FuzzAgainstKafkaGo holds both directions against kafka-go's own code: what
// it writes we read, and what we write it reads.
func FuzzAgainstKafkaGo(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), "header", []byte("x"), int64(1700000000000), uint8(3), uint8(0), uint8(0))
	f.Add([]byte{}, []byte{}, "", []byte{}, int64(-1), uint8(1), uint8(7), uint8(4))
	f.Fuzz(func(t *testing.T, key, val []byte, name string, hv []byte, at int64, n, nulls, codec uint8) {
		ms := fuzzMessages(key, val, name, hv, at, n, nulls)
		c := Codec(codec % 5)

		var r Reader
		r.Reset(kafkaGoWrites(t, ms, c), 0, nil)
		require.Equal(t, ms, read(t, &r))

		require.Equal(t, ms, kafkaGoReads(t, build(t, Options{Codec: c}, ms...)))
	})
}

func fuzzMessages(key, val []byte, name string, hv []byte, at int64, n, nulls uint8) (ms []message) {
	for i := range int64(n%8) + 1 {
		m := message{Offset: i, Time: at%(1<<40) + i*i*i*1000, Key: key, Value: val}
		if m.Time == 0 {
			m.Time = 1 // for kafka-go 0 means now
		}
		if nulls>>i&1 != 0 {
			m.Key, m.Value = nil, bytes.Repeat(val, 5)
		}
		if nulls>>i&2 != 0 {
			m.Value = nil
		}
		for range i % 3 {
			m.Headers = append(m.Headers, Header{name, hv}, Header{name + "2", nil})
		}
		ms = append(ms, m)
	}
	return ms
}

func kafkaGoWrites(t *testing.T, ms []message, codec Codec) []byte {
	records := make([]protocol.Record, len(ms))
	for i, m := range ms {
		records[i] = protocol.Record{Time: time.UnixMilli(m.Time), Key: protocol.NewBytes(m.Key), Value: protocol.NewBytes(m.Value)}
		for _, h := range m.Headers {
			records[i].Headers = append(records[i].Headers, protocol.Header(h))
		}
	}
	set := protocol.RecordSet{Version: 2, Attributes: protocol.Attributes(codec), Records: protocol.NewRecordReader(records...)}
	var out bytes.Buffer
	_, err := set.WriteTo(&out)
	require.NoError(t, err)
	return out.Bytes()[4:] // before it stands its length
}

func kafkaGoReads(t *testing.T, raw []byte) (ms []message) {
	var set protocol.RecordSet
	prefixed := append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)
	_, err := set.ReadFrom(bytes.NewReader(prefixed))
	require.NoError(t, err)
	for {
		rec, err := set.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return ms
		}
		require.NoError(t, err)
		m := message{Offset: rec.Offset, Time: rec.Time.UnixMilli(), Key: kafkaGoBytes(t, rec.Key), Value: kafkaGoBytes(t, rec.Value)}
		for _, h := range rec.Headers {
			m.Headers = append(m.Headers, Header(h))
		}
		ms = append(ms, m)
	}
}

func kafkaGoBytes(t *testing.T, b protocol.Bytes) []byte {
	if b == nil {
		return nil
	}
	all, err := protocol.ReadAll(b)
	require.NoError(t, err)
	return append([]byte{}, all...)
}
