package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// franz opens a client of another making, to hold ours against.
func franz(t *testing.T, brokers []string, options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// seen is a record with everything in it, to compare.
type seen struct {
	Offset     int64
	Key, Value []byte
	Time       int64
	Headers    []sink.Header
}

func readAll(t *testing.T, l *brokerLog, topic string, partition int32) (all []seen, next int64) {
	t.Helper()
	_, end, err := l.Bounds(topic, partition)
	require.NoError(t, err)
	var r recordbatch.Reader
	var rec recordbatch.Record
	for next < end {
		answers, err := l.Fetch([]source.Position{{Topic: topic, Partition: partition, Offset: next, MaxBytes: 1 << 20}}, 1<<20)
		require.NoError(t, err)
		require.NoError(t, answers[0].Err)
		r.Reset(answers[0].Raw, next, answers[0].Aborted)
		for {
			ok, err := r.Next(&rec)
			require.NoError(t, err)
			if !ok {
				break
			}
			all = append(all, seen{rec.Offset, rec.Key, rec.Value, rec.Timestamp, rec.AppendHeaders(nil)})
		}
		require.Greater(t, r.Position(), next)
		next = r.Position()
	}
	return all, next
}

func TestWhatOthersWriteIsRead(t *testing.T) {
	codecs := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	l := openBroker(t, map[string]int32{"in": int32(len(codecs))})
	for p, codec := range codecs {
		other := franz(t, l.brokers, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(time.Millisecond))
		var want []seen
		for i := range 300 {
			r := &kgo.Record{
				Topic: "in", Partition: int32(p), Timestamp: time.UnixMilli(1772359200000 + int64(i)*7),
				Key: fmt.Appendf(nil, "c-%d", i), Value: bytes.Repeat(fmt.Appendf(nil, `{"n":%d}`, i), i%50),
				Headers: []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, i)}, {Key: "null"}},
			}
			if i%10 == 0 {
				r.Key, r.Value, r.Headers = nil, nil, nil
			}
			if i%10 == 1 {
				r.Key, r.Value = []byte{}, []byte{}
			}
			other.Produce(l.ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			w := seen{Offset: int64(i), Key: r.Key, Value: r.Value, Time: r.Timestamp.UnixMilli()}
			for _, h := range r.Headers {
				w.Headers = append(w.Headers, sink.Header(h))
			}
			if i%50 == 0 && w.Value != nil {
				w.Value = []byte{}
			}
			want = append(want, w)
		}
		require.NoError(t, other.Flush(l.ctx))
		got, _ := readAll(t, l, "in", int32(p))
		require.Equal(t, want, got)
	}
}

func TestWhatIsWrittenOthersRead(t *testing.T) {
	l := openBroker(t, map[string]int32{"out": 1}, sink.Compress(recordbatch.LZ4))
	records := []sink.Record{
		{Key: []byte("c-1"), Value: []byte(`{"id":"1"}`), Time: 1772359200000, Headers: []sink.Header{{Key: "ce_id", Value: []byte("1")}, {Key: "null"}}},
		{Key: nil, Value: nil, Time: -1},
		{Key: []byte{}, Value: []byte{}, Time: 0},
	}
	base, err := l.Append("out", 0, records)
	require.NoError(t, err)
	require.Zero(t, base)

	other := franz(t, l.brokers, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"out": {0: kgo.NewOffset().At(0)}}))
	fetches := other.PollFetches(l.ctx)
	require.NoError(t, fetches.Err())
	got := fetches.Records()
	require.Len(t, got, len(records))
	for i, r := range got {
		require.EqualValues(t, i, r.Offset)
		require.Equal(t, records[i].Key, r.Key)
		require.Equal(t, records[i].Value, r.Value)
		require.Equal(t, records[i].Time, r.Timestamp.UnixMilli())
		require.Len(t, r.Headers, len(records[i].Headers))
		for j, h := range r.Headers {
			require.Equal(t, records[i].Headers[j], sink.Header(h))
		}
	}
}

func TestOnlyCommittedTransactionsAreRead(t *testing.T) {
	l := openBroker(t, map[string]int32{"in": 1})
	first := franz(t, l.brokers, kgo.TransactionalID("one"))
	second := franz(t, l.brokers, kgo.TransactionalID("two"))
	write := func(c *kgo.Client, value string) {
		require.NoError(t, c.ProduceSync(l.ctx, &kgo.Record{Topic: "in", Value: []byte(value)}).FirstErr())
	}
	end := func(c *kgo.Client, how kgo.TransactionEndTry) {
		require.NoError(t, c.EndTransaction(l.ctx, how))
	}
	require.NoError(t, first.BeginTransaction())
	require.NoError(t, second.BeginTransaction())
	write(first, "rolled back")
	write(second, "committed")
	write(first, "rolled back too")
	_, err := l.Append("in", 0, []sink.Record{{Value: []byte("plain")}})
	require.NoError(t, err)

	// While a transaction is open nothing behind its beginning is delivered.
	answers, err := l.Fetch([]source.Position{{Topic: "in", Offset: 0, MaxBytes: 1 << 20}}, 1<<20)
	require.NoError(t, err)
	require.Empty(t, answers[0].Raw)
	require.EqualValues(t, 0, answers[0].LastStable)
	require.EqualValues(t, 4, answers[0].HighWatermark)

	end(first, kgo.TryAbort)
	end(second, kgo.TryCommit)
	require.NoError(t, first.BeginTransaction())
	write(first, "the next one")
	end(first, kgo.TryCommit)
	require.NoError(t, first.BeginTransaction())
	write(first, "the last one")
	end(first, kgo.TryAbort)

	got, next := readAll(t, l, "in", 0)
	var values []string
	for _, r := range got {
		values = append(values, string(r.Value))
	}
	require.Equal(t, []string{"committed", "plain", "the next one"}, values)
	_, hw, err := l.Bounds("in", 0)
	require.NoError(t, err)
	require.Equal(t, hw, next, "markers and what was rolled back are consumed too")
}

func TestWritesThatCannotBe(t *testing.T) {
	l := openBroker(t, map[string]int32{"out": 1})
	_, err := l.Append("out", 0, nil)
	require.ErrorContains(t, err, "no records")

	cancelled, cancel := context.WithCancel(l.ctx)
	cancel()
	_, err = l.producer.Produce(cancelled, "out", 0, []sink.Record{{Value: []byte("x")}})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, errors.Is(err, context.DeadlineExceeded))
}
