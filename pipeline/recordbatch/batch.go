package recordbatch

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Positions of a batch's fields; doc.go has the table.
const (
	atLength     = 8
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21
	atLastDelta  = 23
	atBaseTime   = 27
	atMaxTime    = 35
	atProducer   = 43
	atEpoch      = 51
	atSequence   = 53
	atCount      = 57
	headerSize   = 61

	frameSize = 12 // base offset and length, which the length does not count
	magic2    = 2
)

const (
	codecBits        = 0x07
	appendTimeBit    = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

// castagnoli selects the processor's own instruction where there is one.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is one batch as it lies in the log.
type batch struct {
	raw  []byte // with its header
	base int64  // offset of the first record, also when compaction has taken that out
	last int64  // the last offset that it covers
}

// frame cuts the first batch off raw, judging only what lies before the sum.
// Without a whole batch it returns ok false.
func frame(raw []byte) (b batch, ok bool, err error) {
	if len(raw) <= atMagic {
		return b, false, nil
	}
	b.base = int64(binary.BigEndian.Uint64(raw))
	length := int(int32(binary.BigEndian.Uint32(raw[atLength:])))
	switch {
	case raw[atMagic] < magic2:
		// The field lies at the same place in all formats, so this holds for a part of a message set too.
		return b, false, oldFormat(b.base, raw[atMagic])
	case raw[atMagic] > magic2:
		return b, false, newFormat(b.base, raw[atMagic])
	case b.base < 0 || length < headerSize-frameSize:
		return b, false, damaged(b.base, "impossible offset or length")
	case length > len(raw)-frameSize:
		return b, false, nil
	}
	b.raw = raw[: frameSize+length : frameSize+length]
	delta := int64(int32(binary.BigEndian.Uint32(raw[atLastDelta:])))
	if delta < 0 || b.base > math.MaxInt64-1-delta {
		return b, false, damaged(b.base, "impossible last offset")
	}
	b.last = b.base + delta
	return b, true, nil
}

// check compares the sum.
func (b *batch) check() error {
	if crc32.Checksum(b.raw[atAttributes:], castagnoli) != binary.BigEndian.Uint32(b.raw[atCRC:]) {
		return damaged(b.base, "its checksum differs")
	}
	return nil
}

func (b *batch) attributes() uint16  { return binary.BigEndian.Uint16(b.raw[atAttributes:]) }
func (b *batch) codec() Codec        { return Codec(b.attributes() & codecBits) }
func (b *batch) control() bool       { return b.attributes()&controlBit != 0 }
func (b *batch) transactional() bool { return b.attributes()&transactionalBit != 0 }
func (b *batch) appendTime() bool    { return b.attributes()&appendTimeBit != 0 }
func (b *batch) baseTime() int64     { return int64(binary.BigEndian.Uint64(b.raw[atBaseTime:])) }
func (b *batch) maxTime() int64      { return int64(binary.BigEndian.Uint64(b.raw[atMaxTime:])) }
func (b *batch) producer() int64     { return int64(binary.BigEndian.Uint64(b.raw[atProducer:])) }
func (b *batch) count() int          { return int(int32(binary.BigEndian.Uint32(b.raw[atCount:]))) }
