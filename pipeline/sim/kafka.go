package sim

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/segmentio/kafka-go"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// Kafka models a broker: topics of partitions, each one log.
type Kafka struct {
	topics  map[string]*topicLog
	largest pipeline.Largest // batch and record that were appended
}

// topicLog is one topic.
type topicLog struct {
	appendTime bool // message.timestamp.type=LogAppendTime
	away       int  // above 0: nobody can use it
	partitions []*partitionLog
}

// partitionLog is one partition's log: whole batches, as producers sent them.
type partitionLog struct {
	batches []logBatch
	start   int64    // of the log: nothing before is readable
	end     int64    // the high watermark, the offset of the next record
	ever    []stored // everything that ever was in it, for the checks

	epoch      int32 // of its leader
	leaderless bool
	lagging    int64 // the high watermark as far as a new leader knows it yet; -1: it is the end

	producers int64 // that had transactions
	aborted   []abortedRange
}

// logBatch is one batch and, for the checks, what is in it.
type logBatch struct {
	base, next int64 // offsets
	raw        []byte
	records    []sink.Record
}

// NewKafka returns a broker without topics.
func NewKafka() *Kafka { return &Kafka{topics: map[string]*topicLog{}} }

// CreateTopic makes a topic; appendTime says that the broker's time stands for
// the producers'.
func (k *Kafka) CreateTopic(name string, partitions int32, appendTime bool) {
	t := &topicLog{appendTime: appendTime, partitions: make([]*partitionLog, partitions)}
	for i := range t.partitions {
		t.partitions[i] = &partitionLog{lagging: -1}
	}
	k.topics[name] = t
}

func (k *Kafka) log(topic string, partition int32) (*partitionLog, error) {
	t := k.topics[topic]
	if t == nil || partition < 0 || int(partition) >= len(t.partitions) {
		return nil, kafka.UnknownTopicOrPartition
	}
	return t.partitions[partition], nil
}

// leader is the log as clients find it: where nobody leads it they do not.
func (k *Kafka) leader(topic string, partition int32) (*partitionLog, error) {
	log, err := k.log(topic, partition)
	switch {
	case err != nil:
		return nil, err
	case k.topics[topic].away > 0:
		return nil, kafka.UnknownTopicOrPartition
	case log.leaderless:
		return nil, kafka.NotLeaderForPartition
	}
	return log, nil
}

// unusable reports that a producer has to try again.
func (k *Kafka) unusable(topic string, partition int32) bool {
	_, err := k.leader(topic, partition)
	return err != nil
}

// high is the high watermark that the leader knows of.
func (l *partitionLog) high() int64 {
	if l.lagging >= 0 {
		return min(l.lagging, l.end)
	}
	return l.end
}

// appending is how a batch comes into a log.
type appending struct {
	wall  int64 // the broker's clock, unix ms
	codec recordbatch.Codec
	skip  int64 // offsets left out before the batch, as compaction leaves them
	how   transaction
}

// Append writes records as one batch and returns the first one's offset.
func (k *Kafka) Append(topic string, partition int32, records []sink.Record, a appending) (int64, error) {
	log, err := k.leader(topic, partition)
	if err != nil {
		return 0, err
	}
	o := recordbatch.Options{BaseOffset: log.end + a.skip, Codec: a.codec}
	if k.topics[topic].appendTime {
		o.AppendTime = a.wall
	}
	b := logBatch{base: o.BaseOffset, next: o.BaseOffset + int64(len(records))}
	var builder recordbatch.Builder
	builder.Start(nil, o)
	for _, r := range records {
		builder.Add(r.Time, r.Key, r.Value, r.Headers)
		if o.AppendTime > 0 {
			r.Time = o.AppendTime
		}
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		k.largest.Record = max(k.largest.Record, sizeOf(&r))
		b.records = append(b.records, r)
	}
	if b.raw, err = builder.Finish(); err != nil {
		return 0, err
	}
	k.largest.Batch = max(k.largest.Batch, len(b.raw))
	binary.BigEndian.PutUint32(b.raw[epochAt:], uint32(log.epoch))
	for i, r := range b.records {
		log.ever = append(log.ever, stored{Record: r, offset: b.base + int64(i)})
	}
	if a.how != outside {
		return b.base, log.endTransaction(&b, a.how)
	}
	log.batches = append(log.batches, b)
	log.end = b.next
	return b.base, nil
}

// sizeOf is what a record takes, its headers as they lie in a batch.
func sizeOf(r *sink.Record) int {
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + 2*binary.MaxVarintLen32
	}
	return size
}

// Bounds are the log's start and its high watermark.
func (k *Kafka) Bounds(topic string, partition int32) (start, end int64, err error) {
	log, err := k.leader(topic, partition)
	if err != nil {
		return 0, 0, err
	}
	if log.lagging >= 0 {
		return 0, 0, kafka.OffsetNotAvailable
	}
	return log.start, log.end, nil
}

// Fetch answers as a broker does: whole batches from the one that holds the
// offset, the first one however large it is, and cut anywhere in the last.
func (k *Kafka) Fetch(p source.Position) source.Fetched {
	f := source.Fetched{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset}
	log, err := k.leader(p.Topic, p.Partition)
	if err != nil {
		f.Err = err
		return f
	}
	high := log.high()
	f.LogStart, f.HighWatermark, f.LastStable = log.start, high, high
	if p.Offset < log.start || p.Offset > log.end {
		f.Err = kafka.OffsetOutOfRange
		return f
	}
	f.Aborted = log.abortedFrom(p.Offset)
	for _, b := range log.batches {
		if b.next <= p.Offset || b.next > high {
			continue
		}
		room := int(p.MaxBytes) - len(f.Raw)
		if len(f.Raw) > 0 && room < len(b.raw) {
			f.Raw = append(f.Raw, b.raw[:max(room, 0)]...)
			break
		}
		f.Raw = append(f.Raw, b.raw...)
	}
	return f
}

// FetchAll answers for several partitions with at most maxBytes together, but
// for a first batch that is larger.
func (k *Kafka) FetchAll(at []source.Position, maxBytes int) []source.Fetched {
	answers := make([]source.Fetched, len(at))
	size := 0
	for i, p := range at {
		p.MaxBytes = min(p.MaxBytes, int32(maxBytes-size))
		f := k.Fetch(p)
		if size > 0 && len(f.Raw) > maxBytes-size {
			f.Raw = nil
		}
		size += len(f.Raw)
		answers[i] = f
	}
	return answers
}

// TruncateStart deletes records from the beginning, as retention does: the log
// start may lie within a batch.
func (l *partitionLog) TruncateStart(to int64) {
	l.start = max(l.start, min(to, l.end))
	l.batches = slices.DeleteFunc(l.batches, func(b logBatch) bool { return b.next <= l.start })
}

// TruncateEnd deletes whole batches from the end until nothing at or after an
// offset is left, as a follower does whose tail the new leader never had.
func (l *partitionLog) TruncateEnd(to int64) {
	for n := len(l.batches); n > 0 && l.batches[n-1].next > to; n-- {
		l.end = l.batches[n-1].base
		l.batches = l.batches[:n-1]
	}
	l.start = min(l.start, l.end)
}

// stored is one record with its place.
type stored struct {
	sink.Record
	offset int64
}

// records lists what was ever written to a partition, oldest first.
func (k *Kafka) records(topic string, partition int32) []stored {
	log, err := k.log(topic, partition)
	if err != nil {
		return nil
	}
	return log.ever
}
