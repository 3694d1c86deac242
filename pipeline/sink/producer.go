// Package sink writes to Kafka: one batch to one partition in one request, and
// the answer is waited for. It knows no queue, no retry and no partitioner,
// unlike kafka-go's Writer: what is written where, in which order and how often,
// the shards decide, and a shard has one request under way at a time.
package sink

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

// Header is one header of a record. A nil Value is null.
type Header = recordbatch.Header

// Record is a record to write.
type Record struct {
	Key, Value []byte // nil is null, which is not the same as empty
	Headers    []Header
	Time       int64 // unix ms; -1 for none
}

// ackTimeout is how long a broker waits for its followers before it gives up.
const ackTimeout = 10 * time.Second

// Producer writes records. It may be used from any goroutine.
type Producer struct {
	client *source.Client
	codec  recordbatch.Codec
}

// Option changes how a Producer writes.
type Option func(*Producer)

// Compress makes the producer compress its batches.
func Compress(codec recordbatch.Codec) Option { return func(p *Producer) { p.codec = codec } }

// New makes a producer that writes through the client's connections. The client
// must have been opened with the topics it will write to.
func New(client *source.Client, options ...Option) *Producer {
	p := &Producer{client: client}
	for _, o := range options {
		o(p)
	}
	return p
}

// Produce writes the records as one batch and returns the offset of the first
// when all in-sync replicas have them. It keeps nothing of the records.
//
// An error does not mean that they were not written: the answer may be lost, or
// come after ctx is over, or the broker may write what it gave up waiting for.
// It may even be written later than Produce returns. So repeats must be
// harmless to readers; source.Temporary says whether trying again makes sense.
// One that is TooLarge does mean that nothing was written; Fit tells how many
// records to send at once.
func (p *Producer) Produce(ctx context.Context, topic string, partition int32, records []Record) (base int64, err error) {
	return p.ProduceIf(ctx, topic, partition, records, func() bool { return true })
}

// ErrWithheld says that records were not sent, as they might not be any more.
var ErrWithheld = errors.New("withheld: when they were to leave they might not any more")

// ProduceIf is Produce for records that may be written only while may says so.
// It is asked when the request's bytes are made, with the connection at hand:
// between its answer and the network there is no wait but that of a process that
// is stopped just there, or of a connection that takes no bytes. Where the answer is no, nothing was written, and the
// error is ErrWithheld.
func (p *Producer) ProduceIf(ctx context.Context, topic string, partition int32, records []Record, may func() bool) (base int64, err error) {
	base, err = p.produce(ctx, topic, partition, records, may)
	if err != nil {
		return 0, fmt.Errorf("writing %d records to %s/%d: %w", len(records), topic, partition, err)
	}
	return base, nil
}

func (p *Producer) produce(ctx context.Context, topic string, partition int32, records []Record, may func() bool) (int64, error) {
	raw, err := p.batch(records)
	if err != nil {
		return 0, err
	}
	// kafka.Client does the same with a time-out for the followers of half a
	// second, whatever the deadline of ctx.
	timeout := ackTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Millisecond, min(timeout, time.Until(deadline)))
	}
	res, err := p.client.RoundTrip(ctx, &rawproduce.Request{
		Acks:    int16(kafka.RequireAll),
		Timeout: int32(timeout.Milliseconds()),
		Topics: []rawproduce.RequestTopic{{
			Topic: topic,
			Partitions: []rawproduce.RequestPartition{{
				Partition: partition,
				RecordSet: protocol.RawRecordSet{Reader: &leaving{bytes.NewReader(raw), may}},
			}},
		}},
	}, timeout)
	if err != nil {
		return 0, err
	}
	return p.answer(topic, res.(*produce.Response))
}

// leaving is a batch that is asked for when the request around it is written.
type leaving struct {
	*bytes.Reader
	may func() bool
}

// WriteTo implements io.WriterTo.
func (l *leaving) WriteTo(w io.Writer) (int64, error) {
	if !l.may() {
		return 0, ErrWithheld
	}
	return l.Reader.WriteTo(w)
}

// batch writes the records in Kafka's form, in memory of its own: when Produce
// gives up on a request, kafka-go may still be sending it. It sends a raw record
// set as it is, so the length that stands before one is in front.
func (p *Producer) batch(records []Record) ([]byte, error) {
	const prefix = 4
	size := prefix + recordbatch.Overhead
	for i := range records {
		size += records[i].size()
	}
	var b recordbatch.Builder
	b.Start(make([]byte, prefix, size), recordbatch.Options{Codec: p.codec})
	for i := range records {
		r := &records[i]
		b.Add(r.Time, r.Key, r.Value, r.Headers)
	}
	raw, err := b.Finish()
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(raw, uint32(len(raw)-prefix))
	return raw, nil
}

func (p *Producer) answer(topic string, res *produce.Response) (int64, error) {
	if len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return 0, errors.New("the broker's answer is not about this partition")
	}
	got := &res.Topics[0].Partitions[0]
	switch code := kafka.Error(got.ErrorCode); {
	case code == 0:
		return got.BaseOffset, nil
	case TooLarge(code):
		return 0, fmt.Errorf("raise the topic's max.message.bytes, or send fewer at once: %w", code)
	case got.ErrorMessage != "":
		return 0, fmt.Errorf("%s: %w", got.ErrorMessage, p.client.Observe(code, source.OnTopic("Write", topic)))
	default:
		return 0, p.client.Observe(code, source.OnTopic("Write", topic))
	}
}

// Fit returns how many of the first records make a batch of at most maxBytes
// before compression, but at least one if there are any: a record that is too
// large alone gets the broker's word on it.
func Fit(records []Record, maxBytes int) int {
	size := recordbatch.Overhead
	for i := range records {
		if size += records[i].size(); size > maxBytes && i > 0 {
			return i
		}
	}
	return len(records)
}

// size bounds what the record takes in a batch.
func (r *Record) size() int { return recordbatch.RecordSize(r.Key, r.Value, r.Headers) }
