package embedded_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// brokerLog is source and sink over the embedded broker.
type brokerLog struct {
	ctx      context.Context
	client   *source.Client
	producer *sink.Producer
	brokers  []string
}

func openBroker(t testing.TB, topics map[string]int32, options ...sink.Option) *brokerLog {
	servers, err := embedded.Start(embedded.Options{Topics: topics})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	names := make([]string, 0, len(topics))
	for name := range topics {
		names = append(names, name)
	}
	client, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: names, ClientID: "test"})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return &brokerLog{ctx: ctx, client: client, producer: sink.New(client, options...), brokers: servers.Brokers()}
}

func (l *brokerLog) Append(topic string, partition int32, records []sink.Record) (int64, error) {
	return l.producer.Produce(l.ctx, topic, partition, records)
}

func (l *brokerLog) Fetch(at []source.Position, maxBytes int) ([]source.Fetched, error) {
	return l.client.Fetch(l.ctx, at, 0, maxBytes)
}

func (l *brokerLog) Bounds(topic string, partition int32) (start, end int64, err error) {
	return l.client.Bounds(l.ctx, topic, partition)
}

// Trim asks with another client: deleting records is nothing that Tidemark does.
func (l *brokerLog) Trim(topic string, partition int32, to int64) error {
	other, err := kgo.NewClient(kgo.SeedBrokers(l.brokers...))
	if err != nil {
		return err
	}
	defer other.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	p := kmsg.DeleteRecordsRequestTopicPartition{Partition: partition, Offset: to}
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{p}}}
	res, err := req.RequestWith(l.ctx, other)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
}

func TestTheBrokerIsALog(t *testing.T) {
	for name, codec := range map[string]recordbatch.Codec{"plain": recordbatch.None, "lz4": recordbatch.LZ4} {
		t.Run(name, func(t *testing.T) {
			conformance.Log(t, func(t *testing.T) conformance.LogUnderTest {
				return openBroker(t, conformance.LogTopics, sink.Compress(codec))
			})
		})
	}
}

// A line of a file may have any length, and there is no other way than the log.
func TestAHugeRecord(t *testing.T) {
	l := openBroker(t, map[string]int32{"purchases": 1})
	value := make([]byte, 40<<20)
	value[len(value)-1] = 'x'
	_, err := l.Append("purchases", 0, []sink.Record{{Value: value}, {Value: []byte("next")}})
	require.NoError(t, err)
	got, next := readAll(t, l, "purchases", 0)
	require.Len(t, got, 2)
	require.True(t, bytes.Equal(value, got[0].Value))
	require.EqualValues(t, 2, next)
}

// events are n records like those of a shop, 220 bytes with their key.
func events(n int) []sink.Record {
	records := make([]sink.Record, n)
	for i := range records {
		records[i] = sink.Record{Key: fmt.Appendf(nil, "c-%06d", i), Value: make([]byte, 200), Time: int64(i)}
	}
	return records
}

func (l *brokerLog) preload(b *testing.B, partition int32, records []sink.Record, batchBytes int) {
	for len(records) > 0 {
		fit := sink.Fit(records, batchBytes)
		if _, err := l.Append("purchases", partition, records[:fit]); err != nil {
			b.Fatal(err)
		}
		records = records[fit:]
	}
}

func BenchmarkPreload(b *testing.B) {
	for _, size := range []int{64 << 10, 1 << 20, 4 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			records := events(100_000)
			l := openBroker(b, map[string]int32{"purchases": 12})
			p := int32(0)
			for b.Loop() {
				l.preload(b, p%12, records, size)
				p++
			}
			b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds()/1e6, "Mrec/s")
		})
	}
}

// BenchmarkFetch is broker and client together, in batches of some 100 KB.
func BenchmarkFetch(b *testing.B) {
	const partitions, each = 12, 50_000
	l := openBroker(b, map[string]int32{"purchases": partitions})
	for p := range int32(partitions) {
		l.preload(b, p, events(each), 100<<10)
	}
	read := 0
	for b.Loop() {
		at := make([]source.Position, partitions)
		for p := range at {
			at[p] = source.Position{Topic: "purchases", Partition: int32(p), MaxBytes: 1 << 20}
		}
		for left := partitions; left > 0; {
			answers, err := l.Fetch(at, 16<<20)
			if err != nil {
				b.Fatal(err)
			}
			left = 0
			for _, f := range answers {
				n, next := count(b, f)
				read += n
				at[f.Partition].Offset = next
			}
			for p := range at {
				if at[p].Offset < each {
					left++
				}
			}
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds()/1e6, "Mrec/s")
}

func count(b *testing.B, f source.Fetched) (n int, next int64) {
	var r recordbatch.Reader
	var rec recordbatch.Record
	r.Reset(f.Raw, f.Offset, f.Aborted)
	for {
		ok, err := r.Next(&rec)
		if err != nil {
			b.Fatal(err)
		}
		if !ok {
			return n, r.Position()
		}
		n++
	}
}
