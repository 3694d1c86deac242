//go:build real

package real_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// anyTime are the settings of a topic whose producers date as they like, into
// the future, too, and whose records may be larger than usual.
func anyTime() map[string]string {
	return map[string]string{"max.message.bytes": "2097152", "message.timestamp.after.max.ms": "9223372036854775807"}
}

// brokerPatience is how long brokers may be away.
const brokerPatience = 30 * time.Second

// log is source and sink over topics of its own, which it knows by other names.
type log struct {
	ctx      context.Context
	kafka    *real.Kafka
	names    map[string]string
	client   *source.Client
	producer *sink.Producer
}

// openLog creates the topics and connects.
func openLog(t *testing.T, kafka *real.Kafka, topics map[string]int32, settings map[string]string, options ...sink.Option) *log {
	l := &log{ctx: bounded(t), kafka: kafka, names: map[string]string{}}
	var create []real.Topic
	for topic, partitions := range topics {
		l.names[topic] = unused(topic)
		own := maps.Clone(settings)
		if topic == local.DeadLetters && own != nil {
			own["max.message.bytes"] = "4194304" // a dead letter is larger than what was rejected
		}
		create = append(create, real.Topic{Name: l.names[topic], Partitions: partitions, Settings: own})
	}
	require.NoError(t, kafka.CreateTopics(l.ctx, create...))
	client, err := source.Open(source.Config{Brokers: kafka.Brokers(), Topics: slices.Collect(maps.Values(l.names)), ClientID: "test"})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	l.client, l.producer = client, sink.New(client, options...)
	return l
}

func (l *log) Append(topic string, partition int32, records []sink.Record) (int64, error) {
	return l.producer.Produce(l.ctx, l.names[topic], partition, records)
}

func (l *log) Fetch(at []source.Position, maxBytes int) ([]source.Fetched, error) {
	asked := slices.Clone(at)
	for i := range asked {
		asked[i].Topic = l.names[asked[i].Topic]
	}
	answers, err := l.client.Fetch(l.ctx, asked, 0, maxBytes)
	for i := range answers {
		for name, real := range l.names {
			if answers[i].Topic == real {
				answers[i].Topic = name
				break
			}
		}
	}
	return answers, err
}

func (l *log) Bounds(topic string, partition int32) (start, end int64, err error) {
	return l.client.Bounds(l.ctx, l.names[topic], partition)
}

func (l *log) Trim(topic string, partition int32, to int64) error {
	return l.kafka.DeleteRecords(l.ctx, l.names[topic], partition, to)
}

// read returns everything in a partition, and the position behind it.
func (l *log) read(t *testing.T, topic string, partition int32) (all []recordbatch.Record, next int64) {
	t.Helper()
	var start, end int64
	// A broker that was killed meanwhile has left dead connections, which the first
	// request on each finds out.
	require.NoError(t, real.Await(l.ctx, brokerPatience, func(context.Context) (err error) {
		start, end, err = l.Bounds(topic, partition)
		if err != nil && !source.Temporary(err) {
			require.NoError(t, err)
		}
		return err
	}))
	for next = start; next < end; {
		answers, err := l.Fetch([]source.Position{{Topic: topic, Partition: partition, Offset: next, MaxBytes: 8 << 20}}, 8<<20)
		require.NoError(t, err)
		require.Len(t, answers, 1)
		require.NoError(t, answers[0].Err)
		var r recordbatch.Reader
		r.Reset(answers[0].Raw, next, answers[0].Aborted)
		for {
			var record recordbatch.Record
			more, err := r.Next(&record)
			require.NoError(t, err)
			if !more {
				break
			}
			all = append(all, record)
		}
		require.Greater(t, r.Position(), next, "nothing comes though there is something")
		next = r.Position()
	}
	return all, next
}

func values(records []recordbatch.Record) (out []string) {
	for _, r := range records {
		out = append(out, string(r.Value))
	}
	return out
}

func TestKafkaIsALog(t *testing.T) {
	for name, codec := range map[string]recordbatch.Codec{"plain": recordbatch.None, "lz4": recordbatch.LZ4, "zstd": recordbatch.Zstd} {
		t.Run(name, func(t *testing.T) {
			conformance.Log(t, func(t *testing.T) conformance.LogUnderTest {
				return openLog(t, sharedKafka(t), conformance.LogTopics, anyTime(), sink.Compress(codec))
			})
		})
	}
}
