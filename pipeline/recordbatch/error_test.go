package recordbatch

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDamageStopsTheReader(t *testing.T) {
	be := binary.BigEndian
	cases := map[string]struct {
		harm    func(raw []byte) []byte
		problem string
		again   bool
	}{
		"a bit flipped": {func(raw []byte) []byte { raw[len(raw)-1] ^= 4; return raw }, "checksum", true},
		"length too small": {func(raw []byte) []byte {
			be.PutUint32(raw[atLength:], 48)
			return raw
		}, "length", true},
		"negative length": {func(raw []byte) []byte { be.PutUint32(raw[atLength:], 1<<31); return raw }, "length", true},
		"negative base":   {func(raw []byte) []byte { raw[0] = 0x80; return raw }, "offset", true},
		"base going back": {func(raw []byte) []byte { be.PutUint64(raw, 1); return raw }, "reaches further", true},
		"negative last": {func(raw []byte) []byte {
			be.PutUint32(raw[atLastDelta:], 1<<31)
			return seal(raw)
		}, "last offset", true},
		"last too small": {func(raw []byte) []byte { be.PutUint32(raw[atLastDelta:], 0); return seal(raw) }, "out of order", true},
		"offsets that overflow": {func(raw []byte) []byte {
			be.PutUint64(raw, 1<<63-2)
			return seal(raw)
		}, "last offset", true},
		"negative count":   {func(raw []byte) []byte { be.PutUint32(raw[atCount:], 1<<31); return seal(raw) }, "number", true},
		"count too large":  {func(raw []byte) []byte { be.PutUint32(raw[atCount:], 3); return seal(raw) }, "out of order", true},
		"count too small":  {func(raw []byte) []byte { be.PutUint32(raw[atCount:], 1); return seal(raw) }, "bytes follow", true},
		"record too long":  {func(raw []byte) []byte { raw[headerSize] = 0x7e; return seal(raw) }, "reaches over", true},
		"record too short": {func(raw []byte) []byte { raw[headerSize] -= 2; return seal(raw) }, "do not fill", true},
		"value too long": {func(raw []byte) []byte {
			raw[headerSize+5] += 2
			return seal(raw)
		}, "do not fill", true},
		"headers missing": {func(raw []byte) []byte { raw[headerSize+7] = 2; return seal(raw) }, "do not fill", true},
		"old format 0":    {func(raw []byte) []byte { raw[atMagic] = 0; return raw }, "format 0", false},
		"old format 1":    {func(raw []byte) []byte { raw[atMagic] = 1; return raw[:30] }, "before Kafka 0.11", false},
		"new format":      {func(raw []byte) []byte { raw[atMagic] = 3; return raw }, "format 3", false},
		"new codec":       {func(raw []byte) []byte { orAttributes(raw, 5); return seal(raw) }, "codec 5", false},
		"not gzip":        {func(raw []byte) []byte { orAttributes(raw, 1); return seal(raw) }, "unpacking", true},
		"not snappy":      {func(raw []byte) []byte { orAttributes(raw, 2); return seal(raw) }, "unpacking", true},
		"not lz4":         {func(raw []byte) []byte { orAttributes(raw, 3); return seal(raw) }, "unpacking", true},
		"not zstd":        {func(raw []byte) []byte { orAttributes(raw, 4); return seal(raw) }, "unpacking", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			good := build(t, Options{BaseOffset: 40}, value("a"), value("b"))
			bad := c.harm(build(t, Options{BaseOffset: 42}, value("c"), value("d")))
			var r Reader
			r.Reset(join(good, bad), 40, nil)

			got, err := untilError(&r)
			require.GreaterOrEqual(t, len(got), 2, "what came before the damage is good")
			require.Equal(t, []string{"a", "b"}, values(got)[:2])
			require.EqualValues(t, 40+len(got), r.Position(), "the position stays before the damage")
			var be *Error
			require.ErrorAs(t, err, &be)
			require.Contains(t, be.Problem, c.problem)
			require.Equal(t, c.again, be.Again)
			require.NotEmpty(t, be.Advice)

			_, err = untilError(&r)
			require.Same(t, be, err, "an error stays")
		})
	}
}

func untilError(r *Reader) (got []message, err error) {
	var rec Record
	for {
		ok, err := r.Next(&rec)
		if !ok {
			return got, err
		}
		got = append(got, messageOf(&rec))
	}
}

// A fetch that brings only a part would bring it again for ever.
func TestPartOfABatchAloneIsAnError(t *testing.T) {
	raw := build(t, Options{BaseOffset: 3}, value("a"))
	for _, cut := range []int{1, 12, 40, len(raw) - 1} {
		var r Reader
		r.Reset(raw[:cut], 3, nil)
		_, err := untilError(&r)
		require.ErrorContains(t, err, "at offset 3")
		require.ErrorContains(t, err, "larger byte limit")
	}
}

func TestABatchThatUnpacksToTooMuchIsRefused(t *testing.T) {
	large := message{Value: make([]byte, 1<<20)}
	for _, codec := range []Codec{Gzip, Snappy, LZ4, Zstd} {
		raw := build(t, Options{Codec: codec}, large)
		var r Reader
		r.Reset(raw, 0, nil)
		r.limit = 1 << 20 // the record's own bytes come on top
		_, err := untilError(&r)
		require.ErrorContains(t, err, "unpacks to more than 1048576 bytes", codec)
		r.Reset(raw, 0, nil)
		r.limit = 1<<20 + 100
		require.Len(t, read(t, &r), 1, codec)
	}
}

// Whoever writes a block's length writes what he likes; nothing may be made of that size.
func TestLengthsInSnappyAreNotBelieved(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}
	framed := append(append([]byte{}, xerial...), 0, 0, 0, 1, 0, 0, 0, 1)
	for name, packed := range map[string][]byte{
		"a block":              huge,
		"a block in a frame":   append(append(framed, 0, 0, 0, 6), huge...),
		"a frame":              append(framed, 0xff, 0xff, 0xff, 0xff),
		"half a frame header":  append(framed, 0),
		"half a stream header": xerial,
		"nothing":              {},
	} {
		limit := maxUnpacked
		require.Error(t, checkSnappy(packed, limit), name)
	}
}

func TestBuilderRefusesWhatBrokersRefuse(t *testing.T) {
	var b Builder
	b.Start(nil, Options{})
	_, err := b.Finish()
	require.ErrorContains(t, err, "no records")

	b.Start(nil, Options{Codec: 7})
	b.Add(0, nil, nil, nil)
	_, err = b.Finish()
	require.ErrorContains(t, err, "codec 7")
}
