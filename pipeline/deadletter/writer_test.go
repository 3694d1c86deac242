package deadletter

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLog is a topic that takes batches of so many records.
type fakeLog struct {
	partitions int32
	most       int
	err        error
	requests   []string
}

func (f *fakeLog) Partitions(context.Context, string) (int32, error) { return f.partitions, nil }

func (f *fakeLog) Produce(_ context.Context, topic string, partition int32, records []sink.Record) (int64, error) {
	if f.err != nil {
		return 0, f.err
	}
	if len(records) > f.most {
		return 0, fmt.Errorf("writing: %w", kafka.MessageSizeTooLarge)
	}
	var offsets []byte
	for _, r := range records {
		offsets = append(offsets, r.Headers[3].Value...)
	}
	f.requests = append(f.requests, fmt.Sprintf("%s/%d:%s", topic, partition, offsets))
	return 0, nil
}

// letters have offsets 0, 1, 2 … and come from the given partitions.
func letters(size int, partitions ...int32) (out []Letter) {
	for i, p := range partitions {
		out = append(out, Letter{Topic: "purchases", Partition: p, Offset: int64(i), Reason: "malformed", Value: make([]byte, size)})
	}
	return out
}

func TestLettersGoToThePartitionOfTheirNumber(t *testing.T) {
	f := &fakeLog{partitions: 3, most: 100}
	w := NewWriter(f, f, "dead")
	require.NoError(t, w.Write(context.Background(), letters(10, 7, 0, 7, 4, 2)))
	require.Equal(t, []string{"dead/1:023", "dead/0:1", "dead/2:4"}, f.requests)
	f.requests = nil
	require.NoError(t, w.Write(context.Background(), nil))
	require.Empty(t, f.requests)
}

func TestBatchesAreAsLargeAsTheTopicTakes(t *testing.T) {
	f := &fakeLog{partitions: 1, most: 100}
	w := NewWriter(f, f, "dead")
	require.NoError(t, w.Write(context.Background(), letters(400<<10, 0, 0, 0, 0, 0)))
	require.Equal(t, []string{"dead/0:01", "dead/0:23", "dead/0:4"}, f.requests, "about 1 MiB at once")

	f.requests, f.most = nil, 1
	require.NoError(t, w.Write(context.Background(), letters(400<<10, 0, 0, 0)))
	require.Equal(t, []string{"dead/0:0", "dead/0:1", "dead/0:2"}, f.requests, "less where the topic takes less")
}

func TestErrorsSayWhatToDo(t *testing.T) {
	f := &fakeLog{partitions: 1, most: 0}
	w := NewWriter(f, f, "dead")
	err := w.Write(context.Background(), letters(10, 0, 0))
	require.ErrorIs(t, err, kafka.MessageSizeTooLarge)
	require.ErrorContains(t, err, "64 KiB larger")

	f.err = errors.New("away")
	require.ErrorIs(t, w.Write(context.Background(), letters(10, 0)), f.err)
}

func TestLettersThroughABroker(t *testing.T) {
	servers, err := embedded.Start(embedded.Options{Topics: map[string]int32{"dead": 2}})
	require.NoError(t, err)
	defer func() { require.NoError(t, servers.Close()) }()
	client, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: []string{"dead"}})
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	want := []Letter{
		{Topic: "purchases", Partition: 3, Offset: 0, Reason: "malformed", RejectedAt: 1772359200123},
		{Topic: "clicks", Partition: 3, Offset: 9, Reason: "oversized", Key: []byte{}, Value: make([]byte, 1<<20+1),
			Headers: []sink.Header{{Key: "h", Value: make([]byte, 60<<10)}}},
	}
	require.NoError(t, NewWriter(client, sink.New(client), "dead").Write(ctx, want))

	var got []Letter
	for next := int64(0); len(got) < len(want); {
		answers, err := client.Fetch(ctx, []source.Position{{Topic: "dead", Partition: 1, Offset: next, MaxBytes: 1 << 20}}, time.Second, 1<<20)
		require.NoError(t, err)
		require.NoError(t, answers[0].Err)
		var r recordbatch.Reader
		var rec recordbatch.Record
		for r.Reset(answers[0].Raw, next, nil); ; {
			ok, err := r.Next(&rec)
			require.NoError(t, err)
			if !ok {
				break
			}
			l, err := Parse(&rec)
			require.NoError(t, err)
			got = append(got, l)
		}
		next = r.Position()
	}
	require.Equal(t, want, got)
}
