package recordbatch

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Aborted is a transaction that was rolled back: of its producer, every
// transactional batch from FirstOffset up to the next marker is void. Brokers
// tell with the batches which ones these are.
type Aborted struct {
	ProducerID, FirstOffset int64
}

// transactions follows the aborted ones through the log.
type transactions struct {
	all  []Aborted // by first offset
	seen int       // how many of them have begun
	open []int64   // producers inside one; a handful at most at one place of the log
}

func (t *transactions) reset(aborted []Aborted) {
	t.open, t.seen = t.open[:0], 0
	t.all = append(t.all[:0], aborted...)
	slices.SortFunc(t.all, func(a, b Aborted) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
}

// void says whether b belongs to an aborted transaction. It must see every
// batch, in order.
func (t *transactions) void(b *batch) bool {
	for t.seen < len(t.all) && t.all[t.seen].FirstOffset <= b.last {
		t.open = append(t.open, t.all[t.seen].ProducerID)
		t.seen++
	}
	if len(t.open) == 0 || !b.transactional() {
		return false
	}
	i := slices.Index(t.open, b.producer())
	if i < 0 {
		return false
	}
	if b.control() && abortMarker(b) {
		// The producer's next transaction is another matter.
		t.open = slices.Delete(t.open, i, i+1)
	}
	return true
}

// abortMarker says whether a control batch ends a transaction by abort. Its one
// record has the key: 2 bytes version, 2 bytes type, 0 being abort.
func abortMarker(b *batch) bool {
	body := cursor{buf: b.raw[headerSize:]}
	body.varint() // length
	body.skip(1)
	body.varint()
	body.varint()
	key := body.nullable()
	return !body.bad && len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == 0
}
