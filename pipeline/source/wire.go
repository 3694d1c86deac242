package source

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// The answer to a fetch, as kafka-go's protocol/fetch has it but for the
// records, which stay as they are. Versions are kafka-go's too: the request
// decides which one is spoken.
func init() { protocol.Register(&fetch.Request{}, &fetchResponse{}) }

type fetchResponse struct {
	ThrottleTimeMs int32           `kafka:"min=v1,max=v11"`
	ErrorCode      int16           `kafka:"min=v7,max=v11"`
	SessionID      int32           `kafka:"min=v7,max=v11"`
	Topics         []responseTopic `kafka:"min=v0,max=v11"`
}

// ApiKey says which request this answers.
//
//nolint:revive // the name is kafka-go's
func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

type responseTopic struct {
	Topic      string              `kafka:"min=v0,max=v11"`
	Partitions []responsePartition `kafka:"min=v0,max=v11"`
}

type responsePartition struct {
	Partition            int32                 `kafka:"min=v0,max=v11"`
	ErrorCode            int16                 `kafka:"min=v0,max=v11"`
	HighWatermark        int64                 `kafka:"min=v0,max=v11"`
	LastStableOffset     int64                 `kafka:"min=v4,max=v11"`
	LogStartOffset       int64                 `kafka:"min=v5,max=v11"`
	AbortedTransactions  []responseTransaction `kafka:"min=v4,max=v11"`
	PreferredReadReplica int32                 `kafka:"min=v11,max=v11"`
	Records              rawRecords            `kafka:"min=v0,max=v11"`
}

type responseTransaction struct {
	ProducerID  int64 `kafka:"min=v4,max=v11"`
	FirstOffset int64 `kafka:"min=v4,max=v11"`
}

// rawRecords are the bytes of one partition's batches. Every answer gets its
// own: shards keep slices of them for as long as they work on the events.
type rawRecords []byte

// mostRecords is far above what is ever asked for; a length beyond it is not one.
const mostRecords = 1 << 30

// ReadFrom takes a 4-byte length and as many bytes. kafka-go's decoder calls it
// with itself as the reader.
func (b *rawRecords) ReadFrom(r io.Reader) (int64, error) {
	var prefix [4]byte
	n, err := io.ReadFull(r, prefix[:])
	if err != nil {
		return int64(n), err
	}
	size := int32(binary.BigEndian.Uint32(prefix[:]))
	switch {
	case size <= 0: // none, or null
		*b = nil
		return 4, nil
	case size > mostRecords:
		return 4, fmt.Errorf("an answer with %d bytes of records for one partition", size)
	}
	*b = make([]byte, size)
	n, err = io.ReadFull(r, *b)
	return 4 + int64(n), err
}
