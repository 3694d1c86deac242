package sink

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "segment-changes"

func producer(t *testing.T, brokers int, options ...kfake.Opt) (*Producer, *kfake.Cluster) {
	k, err := kfake.NewCluster(append(options, kfake.NumBrokers(brokers), kfake.SeedTopics(2, topic))...)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	client, err := source.Open(source.Config{Brokers: k.ListenAddrs(), Topics: []string{topic}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return New(client), k
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestProduceReturnsTheBaseOffset(t *testing.T) {
	p, _ := producer(t, 1)
	for want := int64(0); want < 6; want += 2 {
		base, err := p.Produce(soon(t), topic, 1, []Record{{Value: []byte("a")}, {Value: []byte("b")}})
		require.NoError(t, err)
		require.Equal(t, want, base)
	}
	base, err := p.Produce(soon(t), topic, 0, []Record{{}})
	require.NoError(t, err)
	require.Zero(t, base, "the partitions count apart")
}

func TestABatchThatIsTooLarge(t *testing.T) {
	p, _ := producer(t, 1, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "10000"}))
	records := make([]Record, 20)
	for i := range records {
		records[i].Value = make([]byte, 1000)
	}
	_, err := p.Produce(soon(t), topic, 0, records)
	require.ErrorIs(t, err, kafka.MessageSizeTooLarge)
	require.ErrorContains(t, err, "max.message.bytes")
	require.ErrorContains(t, err, topic+"/0")
	require.False(t, source.Temporary(err))

	n := Fit(records, 10000)
	require.Equal(t, 9, n)
	base, err := p.Produce(soon(t), topic, 0, records[:n])
	require.NoError(t, err)
	require.Zero(t, base, "nothing of the large batch was written")
}

func TestProduceFindsALeaderThatMoved(t *testing.T) {
	p, k := producer(t, 2)
	_, err := p.Produce(soon(t), topic, 0, []Record{{}})
	require.NoError(t, err)
	// With the request at the broker: before that the client might hear of it by itself.
	to := 1 - k.LeaderFor(topic, 0)
	k.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.DropControl()
		if err := k.MoveTopicPartition(topic, 0, to); err != nil {
			t.Error(err)
		}
		return nil, nil, false
	})
	_, err = p.Produce(soon(t), topic, 0, []Record{{}})
	require.ErrorIs(t, err, kafka.NotLeaderForPartition)
	require.True(t, source.Temporary(err))
	base, err := p.Produce(soon(t), topic, 0, []Record{{}})
	require.NoError(t, err, "the first error made the client look again")
	require.EqualValues(t, 1, base)
}

// The answer is lost, the records are not: an error says nothing about them.
func TestAnErrorDoesNotMeanUnwritten(t *testing.T) {
	p, k := producer(t, 1)
	ctx, cancel := context.WithCancel(soon(t))
	returned := make(chan struct{})
	k.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cancel() // the broker has the request and goes on with it
		<-returned
		return nil, nil, false
	})
	_, err := p.Produce(ctx, topic, 0, []Record{{}})
	close(returned)
	require.ErrorIs(t, err, context.Canceled)
	base, err := p.Produce(soon(t), topic, 0, []Record{{}})
	require.NoError(t, err)
	require.EqualValues(t, 1, base)
}

func TestTheWaitForFollowersIsThatOfTheContext(t *testing.T) {
	p, k := producer(t, 1)
	timeouts := make(chan int32, 2)
	k.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		timeouts <- r.(*kmsg.ProduceRequest).TimeoutMillis
		require.EqualValues(t, -1, r.(*kmsg.ProduceRequest).Acks)
		return nil, nil, false
	})
	_, err := p.Produce(context.Background(), topic, 0, []Record{{}})
	require.NoError(t, err)
	require.EqualValues(t, ackTimeout.Milliseconds(), <-timeouts)

	const patience = ackTimeout - time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = p.Produce(ctx, topic, 0, []Record{{}})
	require.NoError(t, err)
	got := <-timeouts
	require.LessOrEqual(t, int64(got), patience.Milliseconds())
	require.Positive(t, got)
}

func TestFitIsTheMostThatFits(t *testing.T) {
	p := &Producer{}
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.Custom(drawRecord), 1, 40).Draw(t, "records")
		limit := rapid.IntRange(1, 3000).Draw(t, "limit")
		n := Fit(records, limit)
		require.GreaterOrEqual(t, n, 1)
		raw, err := p.batch(records[:n])
		require.NoError(t, err)
		if n > 1 {
			require.LessOrEqual(t, len(raw)-4, limit)
		}
		if n == len(records) {
			return
		}
		raw, err = p.batch(records[:n+1])
		require.NoError(t, err)
		require.Greater(t, len(raw)-4+slack*(n+1), limit, "no more than the bound's slack is wasted")
	})
	require.Zero(t, Fit(nil, 100))
}

// slack is what the bound of a record's size exceeds it by at most.
const slack = 20

func drawRecord(t *rapid.T) Record {
	r := Record{
		Key:   rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "key"),
		Value: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"),
		Time:  rapid.Int64().Draw(t, "time"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		r.Headers = append(r.Headers, Header{Key: rapid.StringN(0, 10, 10).Draw(t, "name"), Value: []byte("v")})
	}
	return r
}

func TestTheBatchIsTheProducersOwn(t *testing.T) {
	key, value := []byte("key"), []byte("value")
	raw, err := (&Producer{}).batch([]Record{{Key: key, Value: value, Time: -1}})
	require.NoError(t, err)
	clear(key)
	clear(value)
	var r recordbatch.Reader
	var rec recordbatch.Record
	r.Reset(raw[4:], 0, nil)
	ok, err := r.Next(&rec)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "key=value", string(rec.Key)+"="+string(rec.Value))
	require.EqualValues(t, -1, rec.Timestamp)
}

// What may be written when it is given may not be any more when it leaves: a
// connection had to be made, or the process was stopped.
func TestWhatMayNotBeWrittenWhenItLeavesStays(t *testing.T) {
	p, k := producer(t, 1)
	asked := 0
	yes := func() bool { asked++; return true }
	_, err := p.ProduceIf(soon(t), topic, 0, []Record{{}}, yes)
	require.NoError(t, err)
	require.Equal(t, 1, asked)

	var requests atomic.Int64
	k.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		requests.Add(1)
		return nil, nil, false
	})
	_, err = p.ProduceIf(soon(t), topic, 0, []Record{{}}, func() bool { return false })
	require.ErrorIs(t, err, ErrWithheld)
	require.Zero(t, requests.Load())
	base, err := p.ProduceIf(soon(t), topic, 0, []Record{{}}, yes)
	require.NoError(t, err)
	require.EqualValues(t, 1, base)
	require.EqualValues(t, 1, requests.Load())
}

// A connection may take as long as it likes: what may be written is asked when
// there is one.
func TestWhatMayBeWrittenIsAskedWithTheConnectionAtHand(t *testing.T) {
	p, k := producer(t, 1)
	var connected atomic.Bool
	k.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		connected.Store(true) // until this is answered nobody knows where to send it
		return nil, nil, false
	})
	_, err := p.ProduceIf(soon(t), topic, 0, []Record{{}}, connected.Load)
	require.NoError(t, err, "it was asked too early")
}

func TestWhatIsCompressedIsSmaller(t *testing.T) {
	p, _ := producer(t, 1)
	value := make([]byte, 100_000)
	_, err := New(p.client, Compress(recordbatch.LZ4)).Produce(soon(t), topic, 0, []Record{{Value: value}})
	require.NoError(t, err)
	answers, err := p.client.Fetch(soon(t), []source.Position{{Topic: topic, MaxBytes: 1 << 20}}, time.Second, 1<<20)
	require.NoError(t, err)
	require.Less(t, len(answers[0].Raw), len(value)/10)
	var r recordbatch.Reader
	var rec recordbatch.Record
	r.Reset(answers[0].Raw, 0, nil)
	ok, err := r.Next(&rec)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, value, rec.Value)
}

// Whatever else the answer says: one with an error is no acknowledgement.
func TestAnAnswerWithAnErrorIsNoAcknowledgement(t *testing.T) {
	p, k := producer(t, 1)
	k.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		res := r.ResponseKind().(*kmsg.ProduceResponse)
		one, answer := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
		answer.ErrorCode, answer.BaseOffset = int16(kafka.NotEnoughReplicasAfterAppend), 7
		one.Topic, one.Partitions = topic, append(one.Partitions, answer)
		res.Topics = append(res.Topics, one)
		return res, nil, true
	})
	_, err := p.Produce(soon(t), topic, 0, []Record{{}})
	require.ErrorIs(t, err, kafka.NotEnoughReplicasAfterAppend)
	require.True(t, source.Temporary(err))
}
