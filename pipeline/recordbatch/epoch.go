package recordbatch

import "encoding/binary"

const atLeaderEpoch = 12

// LeaderEpoch is the greatest leader epoch of the whole batches in raw: which of
// a partition's leaders, counted, wrote them. It is -1 where there is none. No
// sum covers it.
func LeaderEpoch(raw []byte) int32 {
	epoch := int32(-1)
	for {
		b, ok, err := frame(raw)
		if err != nil || !ok {
			return epoch
		}
		epoch = max(epoch, int32(binary.BigEndian.Uint32(b.raw[atLeaderEpoch:])))
		raw = raw[len(b.raw):]
	}
}
