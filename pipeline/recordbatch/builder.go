package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// Options are what a batch holds besides its records.
type Options struct {
	BaseOffset int64 // of the first record; 0 in a produce request, where the broker sets it
	AppendTime int64 // unix ms; above 0 it is the time of all records, as on a LogAppendTime topic
	Codec      Codec
}

// Builder writes one batch at a time: Start, Add for each record, Finish. It is
// used rather than kafka-go's writer because that takes a timestamp of 0 for
// "now", and says that a batch without timestamps has one of 0. The zero value
// is ready for Start.
type Builder struct {
	dst   []byte
	start int // of the batch in dst
	o     Options

	count    int
	baseTime int64
	maxTime  int64
}

// Start begins a batch, which Finish appends to dst.
func (b *Builder) Start(dst []byte, o Options) {
	*b = Builder{dst: append(dst, make([]byte, headerSize)...), start: len(dst), o: o}
}

// Add appends a record at the next offset. A nil key or value is null; the
// timestamp is unix ms, or -1 for none.
func (b *Builder) Add(timestamp int64, key, value []byte, headers []Header) {
	if b.count == 0 {
		b.baseTime, b.maxTime = timestamp, timestamp
	}
	b.maxTime = max(b.maxTime, timestamp)
	since, delta := timestamp-b.baseTime, int64(b.count)
	b.count++

	size := 1 + varintSize(since) + varintSize(delta) + nullableSize(key) + nullableSize(value) + headersSize(headers)
	d := binary.AppendVarint(b.dst, int64(size))
	d = append(d, 0)
	d = binary.AppendVarint(d, since)
	d = binary.AppendVarint(d, delta)
	d = appendNullable(d, key)
	d = appendNullable(d, value)
	d = binary.AppendVarint(d, int64(len(headers)))
	for _, h := range headers {
		d = binary.AppendVarint(d, int64(len(h.Key)))
		d = append(d, h.Key...)
		d = appendNullable(d, h.Value)
	}
	b.dst = d
}

// Size is what the batch takes so far, before compression.
func (b *Builder) Size() int { return len(b.dst) - b.start }

// Finish returns dst with the batch appended. It fails without records, which
// brokers refuse, and above 2 GiB, which the format cannot say.
func (b *Builder) Finish() ([]byte, error) {
	if b.count == 0 {
		return nil, errors.New("finishing a record batch: it has no records; add one or do not send it")
	}
	if err := b.compress(); err != nil {
		return nil, fmt.Errorf("finishing a record batch: %w", err)
	}
	raw := b.dst[b.start:]
	if len(raw)-frameSize > math.MaxInt32 || b.count > math.MaxInt32 {
		return nil, fmt.Errorf("finishing a record batch: %d records of %d bytes are too many; write several batches", b.count, len(raw))
	}
	b.fill(raw)
	return b.dst, nil
}

// compress replaces the records by their compressed form.
func (b *Builder) compress() error {
	if b.o.Codec == None {
		return nil
	}
	if b.o.Codec.known() == nil {
		return fmt.Errorf("compression codec %d is not known", b.o.Codec)
	}
	records := b.dst[b.start+headerSize:]
	packed, err := pack(nil, records, b.o.Codec)
	if err != nil {
		return err
	}
	b.dst = append(b.dst[:b.start+headerSize], packed...)
	return nil
}

// fill writes the header, the sum last.
func (b *Builder) fill(raw []byte) {
	be := binary.BigEndian
	attributes := uint16(b.o.Codec)
	if b.o.AppendTime > 0 {
		attributes |= appendTimeBit
		b.maxTime = b.o.AppendTime
	}
	be.PutUint64(raw, uint64(b.o.BaseOffset))
	be.PutUint32(raw[atLength:], uint32(len(raw)-frameSize))
	be.PutUint32(raw[frameSize:], math.MaxUint32) // leader epoch: unknown
	raw[atMagic] = magic2
	be.PutUint16(raw[atAttributes:], attributes)
	be.PutUint32(raw[atLastDelta:], uint32(b.count-1))
	be.PutUint64(raw[atBaseTime:], uint64(b.baseTime))
	be.PutUint64(raw[atMaxTime:], uint64(b.maxTime))
	be.PutUint64(raw[atProducer:], math.MaxUint64) // -1: not an idempotent producer
	be.PutUint16(raw[atEpoch:], math.MaxUint16)
	be.PutUint32(raw[atSequence:], math.MaxUint32)
	be.PutUint32(raw[atCount:], uint32(b.count))
	be.PutUint32(raw[atCRC:], crc32.Checksum(raw[atAttributes:], castagnoli))
}

// Overhead is what a batch takes besides its records.
const Overhead = headerSize

// RecordSize is the most that Add takes for a record, wherever in a batch it stands.
func RecordSize(key, value []byte, headers []Header) int {
	const framing = 5 + 1 + 10 + 5 // length, attributes, timestamp, offset
	return framing + nullableSize(key) + nullableSize(value) + headersSize(headers)
}

func headersSize(headers []Header) int {
	n := varintSize(int64(len(headers)))
	for _, h := range headers {
		n += varintSize(int64(len(h.Key))) + len(h.Key) + nullableSize(h.Value)
	}
	return n
}

func nullableSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

// varintSize is the length of n as a zigzag varint.
func varintSize(n int64) int {
	u, size := uint64(n<<1)^uint64(n>>63), 1
	for u >= 0x80 {
		u >>= 7
		size++
	}
	return size
}
