package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/compress"
)

// Codec is a compression of record batches, with Kafka's numbers.
type Codec int8

// The codecs that Kafka has.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// known returns kafka-go's implementation, or nil for no codec and for unknown ones.
func (c Codec) known() compress.Codec { return compress.Compression(c).Codec() }

// pack compresses records onto dst.
func pack(dst, records []byte, codec Codec) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w := codec.known().NewWriter(out)
	if _, err := w.Write(records); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpacker undoes compression. It keeps the room it worked in, so that a batch
// costs one allocation of just its size, not the steps of a growing slice.
type unpacker struct {
	room []byte
}

// mostRoom is what an unpacker holds on to: one batch of unusual size should
// not stay in memory for as long as its partition is read.
const mostRoom = 4 << 20

// unpack returns the records of b: its own bytes, or a fresh slice of at most
// limit bytes, since what is read from it may be kept by others.
func (u *unpacker) unpack(b *batch, limit int) ([]byte, error) {
	packed := b.raw[headerSize:]
	if b.codec() == None {
		return packed, nil
	}
	codec := b.codec().known()
	if codec == nil {
		return nil, unknownCodec(b.base, b.codec())
	}
	if b.codec() == Snappy {
		if err := checkSnappy(packed, limit); err != nil {
			return nil, whyNot(b, limit, err)
		}
	}
	out, err := drain(u.room, codec, packed, limit)
	if err != nil {
		return nil, whyNot(b, limit, err)
	}
	if cap(out) <= mostRoom {
		u.room = out[:0]
	}
	return bytes.Clone(out), nil
}

var errTooLarge = errors.New("too large")

func whyNot(b *batch, limit int, err error) error {
	if errors.Is(err, errTooLarge) {
		return tooLarge(b.base, limit)
	}
	return damaged(b.base, fmt.Sprintf("unpacking it: %v", err))
}

// drain unpacks onto the beginning of out.
func drain(out []byte, codec compress.Codec, packed []byte, limit int) (_ []byte, err error) {
	r := codec.NewReader(bytes.NewReader(packed))
	defer func() { err = errors.Join(err, r.Close()) }()
	for out = out[:0]; len(out) <= limit; {
		if len(out) == cap(out) {
			out = slices.Grow(out, max(len(out), 4*len(packed), bytes.MinRead))
		}
		n, err := r.Read(out[len(out):min(cap(out), limit+1)])
		out = out[:len(out)+n]
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errTooLarge
}

// xerial begins the framing that the Java clients put around snappy: this, two
// versions of 4 bytes, then blocks with their length in 4 bytes before each.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// checkSnappy judges the lengths in a snappy stream before the codec believes
// them: it makes room for what a block says of itself, 4 GiB if it says so.
func checkSnappy(packed []byte, limit int) error {
	if !bytes.HasPrefix(packed, xerial) {
		return checkBlock(packed, &limit)
	}
	if len(packed) < 16 {
		return io.ErrUnexpectedEOF
	}
	for rest := packed[16:]; len(rest) > 0; {
		if len(rest) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(rest))
		if n > int64(len(rest)-4) {
			return io.ErrUnexpectedEOF
		}
		if err := checkBlock(rest[4:4+n], &limit); err != nil {
			return err
		}
		rest = rest[4+n:]
	}
	return nil
}

// checkBlock takes the block's unpacked length, which it begins with, off limit.
func checkBlock(block []byte, limit *int) error {
	n, size := binary.Uvarint(block)
	if size <= 0 {
		return errors.New("a snappy block without a length")
	}
	if n > uint64(*limit) {
		return errTooLarge
	}
	*limit -= int(n)
	return nil
}
