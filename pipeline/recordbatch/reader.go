// Package recordbatch reads and writes Kafka's record batches, format 2.
package recordbatch

// Aborted is a transaction that was rolled back: of its producer, every
// transactional batch from FirstOffset up to the next marker is void.
type Aborted struct {
	ProducerID, FirstOffset int64
}

// Reader walks the data records of a fetched piece of a partition's log.
type Reader struct{}

// Reset starts over at raw, the record set of one partition in a fetch response.
func (r *Reader) Reset(raw []byte, from int64, aborted []Aborted) {}

// Next fills rec with the next record, or returns false at the end.
func (r *Reader) Next(rec *Record) (bool, error) { return false, nil }

// Position is the next offset to consume, and to fetch.
func (r *Reader) Position() int64 { return 0 }
