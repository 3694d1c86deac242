package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "purchases"

func cluster(t *testing.T, brokers int, partitions int32) *kfake.Cluster {
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, topic))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T, brokers ...string) *Client {
	c, err := Open(Config{Brokers: brokers, Topics: []string{topic, "missing"}, ClientID: "test"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// write appends one batch to a partition, past package sink, which depends on this one.
func write(t *testing.T, c *Client, partition int32, values ...string) {
	t.Helper()
	var b recordbatch.Builder
	b.Start(nil, recordbatch.Options{})
	for _, v := range values {
		b.Add(1, nil, []byte(v), nil)
	}
	raw, err := b.Finish()
	require.NoError(t, err)
	writeRaw(t, c, partition, raw)
}

func writeRaw(t *testing.T, c *Client, partition int32, raw []byte) {
	t.Helper()
	res, err := c.RoundTrip(soon(t), produceRequest(partition, raw), 0)
	require.NoError(t, err)
	require.Zero(t, res.(*produce.Response).Topics[0].Partitions[0].ErrorCode)
}

func positions(n int32) (at []Position) {
	for p := range n {
		at = append(at, Position{Topic: topic, Partition: p, MaxBytes: 1 << 20})
	}
	return at
}

func firstValue(t *testing.T, f Fetched) string {
	t.Helper()
	require.NoError(t, f.Err)
	var r recordbatch.Reader
	var rec recordbatch.Record
	r.Reset(f.Raw, f.Offset, f.Aborted)
	ok, err := r.Next(&rec)
	require.NoError(t, err)
	require.True(t, ok)
	return string(rec.Value)
}

func TestOneRequestToEachLeader(t *testing.T) {
	const brokers, partitions, room = 3, 12, 64 << 20
	k := cluster(t, brokers, partitions)
	for p := range int32(partitions) { // kfake draws the leaders, and might leave a broker out
		require.NoError(t, k.MoveTopicPartition(topic, p, p%brokers))
	}
	c := open(t, k.ListenAddrs()...)
	for p := range int32(partitions) {
		write(t, c, p, fmt.Sprint(p))
	}
	var fetches, asked atomic.Int32
	k.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		fetches.Add(1)
		req := r.(*kmsg.FetchRequest)
		for _, t := range req.Topics {
			asked.Add(int32(len(t.Partitions)))
		}
		if req.MaxBytes > room/brokers {
			t.Errorf("%d bytes of one broker, where all may give %d", req.MaxBytes, room)
		}
		if req.SessionEpoch != -1 || req.IsolationLevel != 1 {
			t.Errorf("session %d, isolation %d", req.SessionEpoch, req.IsolationLevel)
		}
		return nil, nil, false
	})
	answers, err := c.Fetch(soon(t), positions(partitions), 0, room)
	require.NoError(t, err)
	require.Len(t, answers, partitions)
	for p, f := range answers {
		require.EqualValues(t, p, f.Partition)
		require.Equal(t, fmt.Sprint(p), firstValue(t, f))
	}
	require.EqualValues(t, brokers, fetches.Load())
	require.EqualValues(t, partitions, asked.Load())
}

// Room for one batch: whoever is asked for first gets it, so that has to change.
func TestEveryPartitionHasItsTurn(t *testing.T) {
	k := cluster(t, 1, 3)
	c := open(t, k.ListenAddrs()...)
	for p := range int32(3) {
		write(t, c, p, "always there")
	}
	turns := map[int32]int{}
	for range 9 {
		answers, err := c.Fetch(soon(t), positions(3), 0, 1)
		require.NoError(t, err)
		for _, f := range answers {
			if len(f.Raw) > 0 {
				turns[f.Partition]++
			}
		}
	}
	require.Equal(t, map[int32]int{0: 3, 1: 3, 2: 3}, turns)
}

func TestALeaderThatMovedIsFound(t *testing.T) {
	k := cluster(t, 3, 2)
	c := open(t, k.ListenAddrs()...)
	write(t, c, 0, "a")
	write(t, c, 1, "b")

	for round := range 3 {
		from := k.LeaderFor(topic, 0)
		require.NoError(t, k.MoveTopicPartition(topic, 0, (from+1)%3))
		f := untilAnswered(t, c, Position{Topic: topic, Partition: 0, MaxBytes: 1 << 20})
		require.Equal(t, "a", firstValue(t, f), "round %d", round)
		require.EqualValues(t, 1, f.HighWatermark)
	}
}

// untilAnswered fetches until the partition has no error, all errors before
// being of the kind that passes.
func untilAnswered(t *testing.T, c *Client, at Position) Fetched {
	t.Helper()
	ctx := soon(t)
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		answers, err := c.Fetch(ctx, []Position{at}, 0, 1<<20)
		if err == nil {
			err = answers[0].Err
		}
		if err == nil {
			return answers[0]
		}
		require.True(t, Temporary(err), err)
		select {
		case <-retry.C:
		case <-ctx.Done():
			require.NoError(t, err)
		}
	}
}

func TestBoundsSurviveALeaderThatMoved(t *testing.T) {
	k := cluster(t, 2, 1)
	c := open(t, k.ListenAddrs()...)
	write(t, c, 0, "a", "b")
	_, end, err := c.Bounds(soon(t), topic, 0)
	require.NoError(t, err)
	require.EqualValues(t, 2, end)

	// With the request at the broker: before that the client might hear of it by itself.
	to := 1 - k.LeaderFor(topic, 0)
	k.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.DropControl()
		if err := k.MoveTopicPartition(topic, 0, to); err != nil {
			t.Error(err)
		}
		return nil, nil, false
	})
	_, _, err = c.Bounds(soon(t), topic, 0)
	require.ErrorIs(t, err, kafka.NotLeaderForPartition)
	require.True(t, Temporary(err), err)
	start, end, err := c.Bounds(soon(t), topic, 0)
	require.NoError(t, err, "the first error made the client look again")
	require.EqualValues(t, 0, start)
	require.EqualValues(t, 2, end)
}

func TestALongPollEndsWhenARecordComes(t *testing.T) {
	k := cluster(t, 1, 2)
	c := open(t, k.ListenAddrs()...)
	polling := make(chan struct{}, 1)
	k.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		polling <- struct{}{}
		return nil, nil, false
	})
	got := make(chan []Fetched)
	go func() {
		answers, err := c.Fetch(soon(t), positions(2), time.Minute, 1<<20)
		if err != nil {
			t.Error(err)
		}
		got <- answers
	}()
	<-polling
	write(t, c, 1, "woken")
	answers := <-got
	require.Len(t, answers, 2)
	require.Empty(t, answers[0].Raw)
	require.Equal(t, "woken", firstValue(t, answers[1]))
}

func TestACancelledContextEndsALongPoll(t *testing.T) {
	k := cluster(t, 1, 1)
	c := open(t, k.ListenAddrs()...)
	ctx, cancel := context.WithCancel(context.Background())
	k.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cancel()
		return nil, nil, false
	})
	_, err := c.Fetch(ctx, positions(1), time.Minute, 1<<20)
	require.ErrorIs(t, err, context.Canceled)

	write(t, c, 0, "after")
	answers, err := c.Fetch(soon(t), positions(1), 0, 1<<20)
	require.NoError(t, err)
	require.Equal(t, "after", firstValue(t, answers[0]), "the client goes on while the old poll is still open")
}

func TestCloseEndsALongPollAndLeavesNothing(t *testing.T) {
	k := cluster(t, 1, 1)
	before := goleak.IgnoreCurrent()
	c := open(t, k.ListenAddrs()...)
	_, err := c.Partitions(soon(t), topic)
	require.NoError(t, err)
	polling := make(chan struct{}, 1)
	k.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		polling <- struct{}{}
		return nil, nil, false
	})
	ended := make(chan error)
	go func() {
		_, err := c.Fetch(context.Background(), positions(1), time.Minute, 1<<20)
		ended <- err
	}()
	<-polling
	c.Close()
	require.ErrorIs(t, <-ended, ErrClosed)
	c.conns.mu.Lock()
	require.Empty(t, c.conns.open)
	c.conns.mu.Unlock()
	require.NoError(t, goleak.Find(before, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read"),
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).write"),
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read.func2")))

	_, err = c.Fetch(context.Background(), positions(1), 0, 1<<20)
	require.ErrorIs(t, err, ErrClosed)
	_, _, err = c.Bounds(context.Background(), topic, 0)
	require.ErrorIs(t, err, ErrClosed)
	c.Close() // twice is once
}

// A broker that went away and came back on its address is found again without
// waiting for kafka-go's own turn, however many idle connections are dead.
func TestABrokerThatRestarts(t *testing.T) {
	dir := t.TempDir()
	start := func(port int) (*kfake.Cluster, error) {
		return kfake.NewCluster(kfake.Ports(port), kfake.DataDir(dir), kfake.SeedTopics(1, topic))
	}
	// From below the ports that the kernel gives to outgoing connections: one of
	// those might be given away while the broker is gone.
	const lowest, highest = 15_000, 32_000
	var port int
	var k *kfake.Cluster
	var err error
	for tries := 0; k == nil && tries < 100; tries++ {
		port = lowest + rand.IntN(highest-lowest)
		k, err = start(port)
	}
	require.NoError(t, err)
	c := open(t, k.ListenAddrs()[0])
	write(t, c, 0, "kept")
	k.Close()

	answers, err := c.Fetch(soon(t), positions(1), 0, 1<<20)
	if err == nil {
		err = answers[0].Err
	}
	require.Error(t, err)
	require.True(t, Temporary(err), err)

	k, err = start(port)
	require.NoError(t, err)
	defer k.Close()
	require.Equal(t, "kept", firstValue(t, untilAnswered(t, c, positions(1)[0])))
}

func TestNoBroker(t *testing.T) {
	const addr = "127.0.0.1:1" // no test's, as one that was free a moment ago might be
	c := open(t, addr)

	_, err := c.Fetch(soon(t), positions(1), time.Second, 1<<20)
	require.ErrorContains(t, err, addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.True(t, Temporary(err))
	_, err = c.Partitions(soon(t), topic)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// silent is a broker that takes connections and never answers.
func silent(t *testing.T) (addr string, accepted <-chan net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	conns := make(chan net.Conn, 16)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				close(conns)
				return
			}
			conns <- nc
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		for nc := range conns {
			require.NoError(t, nc.Close())
		}
	})
	return l.Addr().String(), conns
}

func TestASilentBroker(t *testing.T) {
	addr, _ := silent(t)
	c := open(t, addr)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Fetch(ctx, positions(1), time.Minute, 1<<20)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	addr, accepted := silent(t)
	c = open(t, addr) // the other one may know by now that its broker is silent
	ended := make(chan error)
	go func() {
		_, err := c.Fetch(context.Background(), positions(1), time.Minute, 1<<20)
		ended <- err
	}()
	waiting := <-accepted // kafka-go has asked for the first answer
	defer waiting.Close()
	c.Close()
	require.ErrorIs(t, <-ended, ErrClosed)
}

func TestWhatDoesNotExist(t *testing.T) {
	k := cluster(t, 1, 2)
	c := open(t, k.ListenAddrs()...)
	write(t, c, 1, "x")

	_, err := c.Partitions(soon(t), "missing")
	require.ErrorContains(t, err, "missing does not exist")
	require.ErrorIs(t, err, kafka.UnknownTopicOrPartition)
	_, err = c.Partitions(soon(t), "unnamed")
	require.ErrorContains(t, err, "not among those the client was opened for")
	require.False(t, Temporary(err))
	n, err := c.Partitions(soon(t), topic)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)

	at := append(positions(2), Position{Topic: topic, Partition: 2, MaxBytes: 1}, Position{Topic: "missing", MaxBytes: 1})
	answers, err := c.Fetch(soon(t), at, time.Minute, 1<<20)
	require.NoError(t, err)
	require.Len(t, answers, 4)
	require.NoError(t, answers[0].Err)
	require.Equal(t, "x", firstValue(t, answers[1]))
	require.ErrorContains(t, answers[2].Err, "has 2 partitions")
	require.ErrorIs(t, answers[3].Err, kafka.UnknownTopicOrPartition)
	require.EqualValues(t, -1, answers[3].HighWatermark)

	answers, err = c.Fetch(soon(t), []Position{at[0], at[3]}, time.Hour, 1<<20)
	require.NoError(t, err, "an error is told at once, not after the wait")
	require.NoError(t, answers[0].Err)
	require.Error(t, answers[1].Err)
}

func TestFetchRefusesWhatMeansNothing(t *testing.T) {
	c := open(t, "127.0.0.1:1")
	for _, p := range []Position{{Topic: topic, Offset: -1, MaxBytes: 1}, {Topic: topic}} {
		_, err := c.Fetch(soon(t), []Position{p}, 0, 1)
		require.ErrorContains(t, err, "must")
	}
	_, err := c.Fetch(soon(t), positions(1), 0, 0)
	require.ErrorContains(t, err, "above 0")
	answers, err := c.Fetch(soon(t), nil, time.Minute, 1)
	require.NoError(t, err)
	require.Empty(t, answers)
}

func TestOpenTellsEveryMistake(t *testing.T) {
	_, err := Open(Config{Brokers: []string{"nohost", ":9092"}})
	require.ErrorContains(t, err, `"nohost"`)
	require.ErrorContains(t, err, `":9092"`)
	require.ErrorContains(t, err, "no topics")
	_, err = Open(Config{Topics: []string{"a"}})
	require.ErrorContains(t, err, "no brokers")
}

// kfake ignores a topic's time type, but serves a batch that it is given.
func TestAppendTimeComesThrough(t *testing.T) {
	var b recordbatch.Builder
	b.Start(nil, recordbatch.Options{AppendTime: 4242})
	b.Add(5, nil, []byte("a"), nil)
	b.Add(-1, nil, []byte("b"), nil)
	raw, err := b.Finish()
	require.NoError(t, err)
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic), kfake.SyntheticFetch(kfake.SyntheticBatch{Batch: raw}))
	require.NoError(t, err)
	t.Cleanup(k.Close)
	c := open(t, k.ListenAddrs()...)

	answers, err := c.Fetch(soon(t), []Position{{Topic: topic, Offset: 100, MaxBytes: int32(len(raw))}}, 0, len(raw))
	require.NoError(t, err)
	var r recordbatch.Reader
	var rec recordbatch.Record
	r.Reset(answers[0].Raw, 100, nil)
	for offset := range int64(2) {
		ok, err := r.Next(&rec)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, 100+offset, rec.Offset)
		require.EqualValues(t, 4242, rec.Timestamp)
	}
}

func TestTemporary(t *testing.T) {
	for err, want := range map[error]bool{
		kafka.NotLeaderForPartition:    true,
		kafka.LeaderNotAvailable:       true,
		kafka.NotEnoughReplicas:        true,
		kafka.RequestTimedOut:          true,
		kafka.BrokerNotAvailable:       true,
		kafka.Unknown:                  true,
		kafka.OffsetOutOfRange:         false,
		kafka.MessageSizeTooLarge:      false,
		kafka.TopicAuthorizationFailed: false,
		io.EOF:                         true,
		io.ErrUnexpectedEOF:            true,
		syscall.ECONNRESET:             true,
		os.ErrDeadlineExceeded:         true,
		errSilent:                      true,
		protocol.ErrNoLeader:           true,
		context.Canceled:               false,
		ErrClosed:                      false,
		errors.New("something else"):   false,
	} {
		require.Equal(t, want, Temporary(fmt.Errorf("doing: %w", err)), err)
	}
	require.True(t, OutOfRange(fmt.Errorf("doing: %w", kafka.OffsetOutOfRange)))
	require.False(t, OutOfRange(io.EOF))
}

func produceRequest(partition int32, raw []byte) *rawproduce.Request {
	raw = append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)
	return &rawproduce.Request{Acks: -1, Timeout: 1000, Topics: []rawproduce.RequestTopic{{
		Topic: topic,
		Partitions: []rawproduce.RequestPartition{{
			Partition: partition,
			RecordSet: protocol.RawRecordSet{Reader: bytes.NewReader(raw)},
		}},
	}}}
}

// One request asks for the partitions of many topics, which have the same numbers.
func TestTopicsAreToldApart(t *testing.T) {
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topic, "clicks"))
	require.NoError(t, err)
	t.Cleanup(k.Close)
	c, err := Open(Config{Brokers: k.ListenAddrs(), Topics: []string{topic, "clicks"}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	write(t, c, 0, "p0")
	write(t, c, 1, "p1")
	at := []Position{{Topic: "clicks", MaxBytes: 1 << 20}, {Topic: topic, Partition: 1, MaxBytes: 1 << 20},
		{Topic: "clicks", Partition: 1, MaxBytes: 1 << 20}, {Topic: topic, MaxBytes: 1 << 20}}
	for range at { // whoever goes first
		answers, err := c.Fetch(soon(t), at, 0, 1<<20)
		require.NoError(t, err)
		require.Len(t, answers, len(at))
		require.Empty(t, answers[0].Raw)
		require.Equal(t, "p1", firstValue(t, answers[1]))
		require.Empty(t, answers[2].Raw)
		require.Equal(t, "p0", firstValue(t, answers[3]))
	}
}

// A network that was cut tells nobody; the caller's context has no end.
func TestAnAnswerThatDoesNotComeIsNotWaitedForForEver(t *testing.T) {
	k := cluster(t, 1, 1)
	c := open(t, k.ListenAddrs()...)
	_, err := c.Partitions(soon(t), topic)
	require.NoError(t, err)
	silence := make(chan struct{})
	t.Cleanup(func() { close(silence) })
	k.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.SleepControl(func() { <-silence })
		return nil, nil, false
	})
	req := &listoffsets.Request{ReplicaID: -1, Topics: []listoffsets.RequestTopic{{Topic: topic, Partitions: []listoffsets.RequestPartition{{CurrentLeaderEpoch: -1, Timestamp: latest}}}}}
	_, err = c.RoundTrip(context.Background(), req, 100*time.Millisecond-answerTimeout)
	require.ErrorIs(t, err, errSilent)
	require.True(t, Temporary(err))
}

// late is a context whose timer has not fired yet, though its deadline passed.
type late struct{ context.Context }

func (late) Err() error            { return nil }
func (late) Done() <-chan struct{} { return nil }

func TestADeadlineCountsBeforeItsTimerFires(t *testing.T) {
	past, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	require.ErrorIs(t, over(late{past}), context.DeadlineExceeded)

	ahead, cancel := context.WithTimeout(context.Background(), time.Hour)
	require.NoError(t, over(ahead))
	require.NoError(t, over(context.Background()))
	cancel()
	require.ErrorIs(t, over(ahead), context.Canceled)

	// It is the caller's time that is up, not the broker that is silent.
	k := cluster(t, 1, 1)
	c := open(t, k.ListenAddrs()...)
	_, err := c.GroupRights(soon(t), "workers") // the metadata is there, too
	require.NoError(t, err)
	_, err = c.Fetch(late{past}, positions(1), 0, 1<<20)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = c.GroupRights(late{past}, "workers")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
