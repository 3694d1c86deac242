package sim

import (
	"testing"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
)

// modelOpener opens sessions of the model for the suite.
type modelOpener struct{ redis *Redis }

func (o *modelOpener) Session(_ *testing.T, namespace string, shard int32) store.Session {
	return o.redis.Session(namespace, shard, conformance.StoreTopics)
}

func (o *modelOpener) Trouble(_ *testing.T, kind, namespace string, shard int32) (over func(), ok bool) {
	switch kind {
	case "NOSCRIPT": // below the model's commands
	case "MOVED":
		o.redis.moves[sessionKey(namespace, shard)]++
	case "LOADING":
		o.redis.Restart()
		fallthrough
	case "BUSY":
		o.redis.Refuse(refusal(kind + " for a while"))
	default:
		o.redis.readOnly = refusal(kind + " for a while")
	}
	return func() { o.redis.readOnly, o.redis.refusal = nil, nil }, true
}

func (o *modelOpener) Lag(*testing.T) (promote func()) {
	heard := o.redis.Writes()
	return func() { o.redis = o.redis.Promote(heard) }
}

func TestTheModelOfRedisIsAStore(t *testing.T) {
	conformance.Store(t, func(*testing.T) conformance.Opener { return &modelOpener{NewRedis()} })
}

// modelLog is the model of Kafka as the suite wants it.
type modelLog struct {
	kafka *Kafka
	codec recordbatch.Codec
}

func (l modelLog) Append(topic string, partition int32, records []sink.Record) (int64, error) {
	return l.kafka.Append(topic, partition, records, appending{codec: l.codec})
}

func (l modelLog) Fetch(at []source.Position, maxBytes int) ([]source.Fetched, error) {
	return l.kafka.FetchAll(at, maxBytes), nil
}

func (l modelLog) Bounds(topic string, partition int32) (start, end int64, err error) {
	return l.kafka.Bounds(topic, partition)
}

func (l modelLog) Trim(topic string, partition int32, to int64) error {
	log, err := l.kafka.log(topic, partition)
	if err == nil {
		log.TruncateStart(to)
	}
	return err
}

func TestTheModelOfKafkaIsALog(t *testing.T) {
	for _, codec := range []recordbatch.Codec{recordbatch.None, recordbatch.Snappy} {
		conformance.Log(t, func(*testing.T) conformance.LogUnderTest {
			kafka := NewKafka()
			for topic, partitions := range conformance.LogTopics {
				kafka.CreateTopic(topic, partitions, false)
			}
			return modelLog{kafka, codec}
		})
	}
}
