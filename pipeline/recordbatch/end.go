package recordbatch

import "encoding/binary"

// Where the fields of a batch's header stand.
const (
	lengthAt          = 8  // int32: bytes after it
	lastOffsetDeltaAt = 23 // int32
	headerBytes       = 61
)

// End returns the offset behind the last whole batch in raw, from if there is
// none: where to fetch next. It reads headers alone; what they cover is checked
// when a Reader comes to it.
func End(raw []byte, from int64) int64 {
	for len(raw) >= headerBytes {
		size := int64(int32(binary.BigEndian.Uint32(raw[lengthAt:]))) + lengthAt + 4
		if size < headerBytes || size > int64(len(raw)) {
			break
		}
		base := int64(binary.BigEndian.Uint64(raw))
		last := int64(int32(binary.BigEndian.Uint32(raw[lastOffsetDeltaAt:])))
		from = max(from, base+last+1)
		raw = raw[size:]
	}
	return from
}
