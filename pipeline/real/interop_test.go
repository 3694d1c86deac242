//go:build real

package real_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/partition"
)

var codecs = []recordbatch.Codec{recordbatch.None, recordbatch.Gzip, recordbatch.Snappy, recordbatch.LZ4, recordbatch.Zstd}

// A broker rewrites the time of a batch, not of its records: only who reads raw
// batches sees it.
func TestAppendTime(t *testing.T) {
	for _, codec := range codecs {
		t.Run(fmt.Sprint(codec), func(t *testing.T) {
			l := openLog(t, sharedKafka(t), map[string]int32{"in": 1}, map[string]string{"message.timestamp.type": "LogAppendTime"}, sink.Compress(codec))
			begin := time.Now().UnixMilli()
			for range 2 {
				_, err := l.Append("in", 0, []sink.Record{
					{Value: []byte("long ago"), Time: 0}, {Value: []byte("never"), Time: -1}, {Value: []byte("in the year 9999"), Time: 253402300799999}})
				require.NoError(t, err)
			}
			other := franz(t, l, kgo.ProducerBatchCompression(kgo.ZstdCompression()))
			require.NoError(t, other.ProduceSync(l.ctx, &kgo.Record{Topic: l.names["in"], Value: []byte("another client's"), Timestamp: time.UnixMilli(1)}).FirstErr())
			end := time.Now().UnixMilli()

			records, next := l.read(t, "in", 0)
			require.EqualValues(t, 7, next)
			require.Len(t, records, 7)
			for i, r := range records {
				require.GreaterOrEqual(t, r.Timestamp, begin)
				require.LessOrEqual(t, r.Timestamp, end)
				require.EqualValues(t, i, r.Offset)
			}
			require.Equal(t, records[0].Timestamp, records[2].Timestamp, "one batch, one time")
			require.LessOrEqual(t, records[2].Timestamp, records[3].Timestamp)
		})
	}
}

// What a topic may refuse is no passing trouble, and is said by its reason.
func TestAFutureTimeIsRefusedByDefault(t *testing.T) {
	l := openLog(t, sharedKafka(t), map[string]int32{"in": 1}, nil)
	_, err := l.Append("in", 0, []sink.Record{{Value: []byte("x"), Time: time.Now().Add(24 * time.Hour).UnixMilli()}})
	require.ErrorContains(t, err, "Timestamp")
	require.False(t, source.Temporary(err), "%v", err)
	_, err = l.Append("in", 0, []sink.Record{{Value: bytes.Repeat([]byte("x"), 2<<20), Time: 1}})
	require.ErrorContains(t, err, "max.message.bytes")
	require.False(t, source.Temporary(err), "%v", err)
}

// franz opens a client of another making on the log's servers.
func franz(t *testing.T, l *log, options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(l.kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestOnlyCommittedTransactionsAreRead(t *testing.T) {
	l := openLog(t, sharedKafka(t), map[string]int32{"in": 1}, anyTime())
	first := franz(t, l, kgo.TransactionalID(unused("one")))
	second := franz(t, l, kgo.TransactionalID(unused("two")))
	write := func(c *kgo.Client, value string) {
		require.NoError(t, c.ProduceSync(l.ctx, &kgo.Record{Topic: l.names["in"], Value: []byte(value)}).FirstErr())
	}
	end := func(c *kgo.Client, how kgo.TransactionEndTry) { require.NoError(t, c.EndTransaction(l.ctx, how)) }
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
	require.NoError(t, answers[0].Err)
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

	// A marker is written after its transaction was answered.
	require.NoError(t, real.Await(l.ctx, 10*time.Second, func(context.Context) error {
		answers, err := l.Fetch([]source.Position{{Topic: "in", Offset: 0, MaxBytes: 1 << 20}}, 1<<20)
		if err == nil && answers[0].LastStable != 10 {
			err = fmt.Errorf("the last stable offset is %d", answers[0].LastStable)
		}
		return err
	}))
	records, next := l.read(t, "in", 0)
	require.Equal(t, []string{"committed", "plain", "the next one"}, values(records))
	require.EqualValues(t, 10, next, "markers and what was rolled back are consumed, too")

	// From inside of what was rolled back.
	answers, err = l.Fetch([]source.Position{{Topic: "in", Offset: 2, MaxBytes: 1 << 20}}, 1<<20)
	require.NoError(t, err)
	var r recordbatch.Reader
	var record recordbatch.Record
	r.Reset(answers[0].Raw, 2, answers[0].Aborted)
	more, err := r.Next(&record)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, "plain", string(record.Value))
}

// Java's producer decides where a customer's events go, if nobody says otherwise.
func TestJavaPutsCustomersWhereWeLookForThem(t *testing.T) {
	const customers, parts = 500, 12
	l := openLog(t, sharedKafka(t), map[string]int32{"in": parts}, anyTime())
	var lines strings.Builder
	for i := range customers {
		fmt.Fprintf(&lines, "c-%d-%s|%d\n", i, strings.Repeat("ü", i%7), i)
	}
	_, err := l.kafka.Tool(l.ctx, strings.NewReader(lines.String()), "org.apache.kafka.tools.ConsoleProducer",
		"--topic", l.names["in"], "--compression-codec", "lz4", "--reader-property", "parse.key=true", "--reader-property", "key.separator=|")
	require.NoError(t, err)
	count := 0
	for p := range int32(parts) {
		records, _ := l.read(t, "in", p)
		for _, r := range records {
			require.Equal(t, partition.Murmur2.Partition(string(r.Key), parts), p, "key %q", r.Key)
			require.True(t, strings.HasPrefix(string(r.Key), "c-"+string(r.Value)+"-"), "%q: %q", r.Key, r.Value)
		}
		count += len(records)
	}
	require.Equal(t, customers, count)
}

func TestJavaReadsWhatIsWritten(t *testing.T) {
	l := openLog(t, sharedKafka(t), map[string]int32{"out": 1}, anyTime(), sink.Compress(recordbatch.LZ4))
	_, err := l.Append("out", 0, []sink.Record{
		{Key: []byte("c-1"), Value: []byte(`{"id":"1"}`), Time: 1772359200000, Headers: []sink.Header{{Key: "ce_id", Value: []byte("1")}, {Key: "none"}}},
		{Value: []byte("no key"), Time: 7},
	})
	require.NoError(t, err)
	output, err := l.kafka.Tool(l.ctx, nil, "org.apache.kafka.tools.consumer.ConsoleConsumer",
		"--topic", l.names["out"], "--partition", "0", "--offset", "earliest", "--max-messages", "2", "--timeout-ms", "30000",
		"--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.timestamp=true")
	require.NoError(t, err)
	require.Equal(t, "CreateTime:1772359200000\tce_id:1,none:null\tc-1\t{\"id\":\"1\"}\nCreateTime:7\tNO_HEADERS\tnull\tno key\n", string(output))
}
