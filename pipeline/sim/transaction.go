package sim

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

// How a batch came about, besides a plain produce request.
type transaction uint8

const (
	outside   transaction = iota
	committed             // in a transaction: a marker follows
	aborted               // in one that was rolled back: nobody may read it
)

// Places in a batch, and bits of its attributes.
const (
	epochAt, sumAt                   = 12, 17
	attributesAt, producerAt         = 21, 43
	transactionalBit, controlBit int = 0x10, 0x20
)

// seal marks a finished batch as a producer's in a transaction.
func seal(raw []byte, bits int, producer int64) []byte {
	raw[attributesAt+1] |= byte(bits)
	binary.BigEndian.PutUint64(raw[producerAt:], uint64(producer))
	sum := crc32.Checksum(raw[attributesAt:], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(raw[sumAt:], sum)
	return raw
}

// end closes a batch's transaction: a control record takes the next offset.
func (l *partitionLog) endTransaction(b *logBatch, how transaction) error {
	l.producers++
	b.raw = seal(b.raw, transactionalBit, l.producers)
	kind := byte(1)
	if how == aborted {
		kind = 0
		l.aborted = append(l.aborted, abortedRange{
			Aborted: recordbatch.Aborted{ProducerID: l.producers, FirstOffset: b.base}, marker: b.next})
	}
	var builder recordbatch.Builder
	builder.Start(nil, recordbatch.Options{BaseOffset: b.next})
	builder.Add(0, []byte{0, 0, 0, kind}, make([]byte, 6), nil)
	raw, err := builder.Finish()
	if err != nil {
		return err
	}
	l.batches = append(l.batches, *b, logBatch{base: b.next, next: b.next + 1,
		raw: seal(raw, transactionalBit|controlBit, l.producers)})
	l.end = b.next + 1
	return nil
}

// abortedRange is one rolled back transaction and where its marker lies.
type abortedRange struct {
	recordbatch.Aborted
	marker int64
}

// abortedFrom are the transactions that a reader from an offset has to know.
func (l *partitionLog) abortedFrom(offset int64) []recordbatch.Aborted {
	var list []recordbatch.Aborted
	for _, a := range l.aborted {
		if a.marker >= offset {
			list = append(list, a.Aborted)
		}
	}
	return list
}
