package repartition

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	oldPartitions = 5
	newPartitions = 3
	limit         = 30 * time.Second
)

// world is a broker with topics to forward and an input.
type world struct {
	t        *testing.T
	servers  *embedded.Servers
	client   *source.Client
	producer *sink.Producer
}

func newWorld(t *testing.T) *world {
	servers, err := embedded.Start(embedded.Options{Topics: map[string]int32{"old": oldPartitions, "older": 1, "purchases": newPartitions, "dead": 1}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	w := &world{t: t, servers: servers}
	w.client = w.open()
	w.producer = sink.New(w.client)
	return w
}

func (w *world) open() *source.Client {
	client, err := source.Open(source.Config{Brokers: w.servers.Brokers(), Topics: []string{"old", "older", "purchases", "dead"}})
	require.NoError(w.t, err)
	w.t.Cleanup(client.Close)
	return client
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// click is the n-th event of a customer.
func click(customer, n int) string {
	return fmt.Sprintf(`{"id":"e-%d-%d","type":"click","customer_id":"c-%d"}`, customer, n, customer)
}

// fill writes events of some customers to the old topic, each customer's in
// order to one partition, which is not the one that the policy would choose.
func (w *world) fill(customers, each, from int) {
	w.t.Helper()
	for c := range customers {
		var records []sink.Record
		for n := range each {
			records = append(records, sink.Record{Key: []byte("k"), Value: []byte(click(c, from+n)), Time: int64(1000*c + n)})
		}
		_, err := w.producer.Produce(soon(w.t), "old", int32(c%oldPartitions), records)
		require.NoError(w.t, err)
	}
}

const group = "tidemark-shop-repartition-purchases"

// running is a Run under way.
type running struct {
	of      *world
	end     context.CancelFunc
	over    chan struct{}
	summary Summary
	err     error
}

func (w *world) start(edit func(*Options)) *running {
	o := Options{Client: w.client, Sink: w.producer, Letters: deadletter.NewWriter(w.client, w.producer, "dead"), Group: group,
		From: []string{"old", "older"}, To: "purchases", Policy: policy.Default(), Log: zap.NewNop()}
	if edit != nil {
		edit(&o)
	}
	ctx, end := context.WithCancel(context.Background())
	r := &running{of: w, end: end, over: make(chan struct{})}
	go func() {
		defer close(r.over)
		r.summary, r.err = Run(ctx, o)
	}()
	w.t.Cleanup(func() { end(); <-r.over })
	return r
}

// finish ends it when it has committed everything there is, and returns what it
// did: the records are there before their acknowledgements are, for which a Run
// that is to end does not wait long.
func (r *running) finish(t *testing.T) Summary {
	t.Helper()
	require.NoError(t, real.Await(context.Background(), limit, func(context.Context) error { return r.of.committed("old", "older") }))
	r.end()
	<-r.over
	require.NoError(t, r.err)
	return r.summary
}

// committed fails while the group has not committed all that the topics hold.
func (w *world) committed(topics ...string) error {
	asks := kafka.Client{Addr: w.client.Addr(), Transport: w.client.Transport()}
	for _, topic := range topics {
		count, err := w.client.Partitions(soon(w.t), topic)
		require.NoError(w.t, err)
		for p := range count {
			_, end, err := w.client.Bounds(soon(w.t), topic, p)
			require.NoError(w.t, err)
			got, err := asks.OffsetFetch(soon(w.t), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {int(p)}}})
			if err != nil {
				return err
			}
			if at := got.Topics[topic][0].CommittedOffset; max(at, 0) < end { // -1 is none
				return fmt.Errorf("%s/%d is committed up to %d of %d", topic, p, at, end)
			}
		}
	}
	return nil
}

// ends waits until it ends by itself, and returns the error.
func (r *running) ends(t *testing.T) error {
	t.Helper()
	select {
	case <-r.over:
	case <-soon(t).Done():
		require.Fail(t, "it goes on")
	}
	return r.err
}

// records returns what the topic holds, by partition.
func (w *world) records(topic string) (all [][]recordbatch.Record) {
	w.t.Helper()
	count, err := w.client.Partitions(soon(w.t), topic)
	require.NoError(w.t, err)
	for p := range count {
		_, end, err := w.client.Bounds(soon(w.t), topic, p)
		require.NoError(w.t, err)
		var some []recordbatch.Record
		require.NoError(w.t, w.client.Scan(soon(w.t), topic, p, 0, end, func(r *recordbatch.Record) error {
			some = append(some, *r)
			return nil
		}))
		all = append(all, some)
	}
	return all
}

// await returns when the topic holds as many different values.
func (w *world) await(topic string, values int) {
	w.t.Helper()
	require.NoError(w.t, real.Await(context.Background(), limit, func(context.Context) error {
		seen := map[string]bool{}
		for _, some := range w.records(topic) {
			for _, r := range some {
				seen[string(r.Value)] = true
			}
		}
		if len(seen) < values {
			return fmt.Errorf("%s holds %d different values of %d", topic, len(seen), values)
		}
		return nil
	}))
}

// requireForwarded checks that every event of the customers is there, in the
// partition of its customer, in order; repeats apart, which are counted.
func (w *world) requireForwarded(customers, each int) (repeats int) {
	w.t.Helper()
	next := make([]int, customers)
	for p, some := range w.records("purchases") {
		for _, r := range some {
			var c, n int
			_, err := fmt.Sscanf(string(r.Value), `{"id":"e-%d-%d"`, &c, &n)
			require.NoError(w.t, err)
			require.EqualValues(w.t, partition.Murmur2.Partition(fmt.Sprintf("c-%d", c), newPartitions), p)
			require.Equal(w.t, fmt.Sprintf("c-%d", c), string(r.Key))
			require.LessOrEqual(w.t, n, next[c], "one of customer %d was overtaken", c)
			if n < next[c] {
				repeats++
				continue
			}
			next[c]++
		}
	}
	for c, n := range next {
		require.Equal(w.t, each, n, "customer %d", c)
	}
	return repeats
}

func TestEventsGoToTheirCustomers(t *testing.T) {
	w := newWorld(t)
	w.fill(20, 30, 0)
	r := w.start(nil)
	w.await("purchases", 600)
	w.fill(20, 10, 30) // and what comes while it runs
	w.await("purchases", 800)
	require.Equal(t, Summary{Forwarded: 800}, r.finish(t))
	require.Zero(t, w.requireForwarded(20, 40))

	w.fill(20, 5, 40)
	r = w.start(nil)
	w.await("purchases", 900)
	require.Equal(t, Summary{Forwarded: 100}, r.finish(t), "it goes on where it was")
}

func TestTheTimeOfARecordStays(t *testing.T) {
	w := newWorld(t)
	stamp := func(text string) []sink.Header {
		return []sink.Header{{Key: "a", Value: []byte("b")}, {Key: source.TimestampHeader, Value: []byte(text)}, {Key: "null"}}
	}
	_, err := w.producer.Produce(soon(t), "older", 0, []sink.Record{
		{Value: []byte(click(1, 0)), Time: 5000},
		{Value: []byte(click(1, 1)), Time: 5000, Headers: stamp("400")},
		{Value: []byte(click(1, 2)), Time: 5000, Headers: stamp("6000")},
		{Value: []byte(click(1, 3)), Time: 5000, Headers: stamp("soon")},
	})
	require.NoError(t, err)
	r := w.start(nil)
	w.await("purchases", 4)
	r.finish(t)
	var headers []string
	for _, r := range slices.Concat(w.records("purchases")...) {
		text := ""
		for h := range r.Headers() {
			text += fmt.Sprintf("%s=%s ", h.Key, h.Value)
		}
		headers = append(headers, text)
		require.InDelta(t, time.Now().UnixMilli(), r.Timestamp, 60_000)
	}
	require.Equal(t, []string{"tidemark-timestamp=5000 ", "a=b null= tidemark-timestamp=400 ", "a=b null= tidemark-timestamp=5000 ",
		"a=b null= tidemark-timestamp=5000 "}, headers)
}

func TestWhatTellsNoCustomerGoesToTheDeadLetters(t *testing.T) {
	w := newWorld(t)
	small := *policy.Default()
	small.MaxEventBytes = 200
	values := []string{"{", `{"id":"e","type":"click"}`, `{"id":"e","type":"nap","customer_id":"c-1"}`, `{"type":"click","customer_id":"c-1"}`,
		`{"id":"` + strings.Repeat("x", 300) + `"}`,
		`{"id":"e","type":"purchase","customer_id":"c-1","amount":"much"}`} // the worker's to reject
	var records []sink.Record
	for _, v := range values {
		records = append(records, sink.Record{Key: []byte("k"), Value: []byte(v), Headers: []sink.Header{{Key: "a", Value: []byte("b")}}})
	}
	_, err := w.producer.Produce(soon(t), "old", 4, records)
	require.NoError(t, err)
	r := w.start(func(o *Options) { o.Policy = &small })
	w.await("dead", 5)
	w.await("purchases", 1)
	require.Equal(t, Summary{Forwarded: 1, Rejected: 5}, r.finish(t))
	var reasons []string
	_, err = deadletter.Read(soon(t), w.client, "dead", deadletter.Filter{Since: instant.None, Until: instant.None}, func(_ deadletter.Place, l *deadletter.Letter) error {
		require.Equal(t, values[l.Offset], string(l.Value))
		require.Equal(t, "k", string(l.Key))
		require.Equal(t, []sink.Header{{Key: "a", Value: []byte("b")}}, l.Headers)
		reasons = append(reasons, fmt.Sprintf("%s/%d@%d %s", l.Topic, l.Partition, l.Offset, l.Reason))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"old/4@0 malformed", "old/4@1 missing_field", "old/4@2 unknown_type", "old/4@3 missing_field", "old/4@4 oversized"}, reasons)
}

// A sparse topic reaches its end at once, which is years after where a dense one
// is by then: read at their own pace, most of the dense one would be too late.
func TestHistoryLongerThanTheHorizonComesInOrder(t *testing.T) {
	const (
		each  = 2000 // of a KiB, so a fetch brings half
		years = 4
		year  = 365 * 24 * int64(time.Hour/time.Millisecond)
	)
	began := time.Now().UnixMilli() - years*year
	for name, dated := range map[string]bool{"by the records' times": false, "by occurred_at": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			history := func(topic string, number int32, count int) {
				var records []sink.Record
				for n := range count {
					at, when := began+int64(n)*years*year/int64(count), ""
					if dated {
						when = fmt.Sprintf(`,"occurred_at":%q`, time.UnixMilli(at).UTC().Format(time.RFC3339Nano))
						at = time.Now().UnixMilli()
					}
					records = append(records, sink.Record{Time: at, Value: fmt.Appendf(nil, `{"id":"%s-%d-%d","type":"click","customer_id":"c-%d","page":%q%s}`,
						topic, number, n, n%50, strings.Repeat("x", 1024), when)})
				}
				_, err := w.producer.Produce(soon(t), topic, number, records)
				require.NoError(t, err)
			}
			for p := range int32(2) {
				history("old", p, each)
			}
			history("older", 0, 40)
			// Of no account, since it moves no clock: what lies behind goes on.
			_, err := w.producer.Produce(soon(t), "old", 2, []sink.Record{{Value: []byte(`{"id":"e","type":"click","customer_id":"c-1","action":1}`)}})
			require.NoError(t, err)
			history("old", 2, 40)

			r := w.start(func(o *Options) { o.ToEnd = true })
			<-r.over
			require.NoError(t, r.err)
			require.Equal(t, Summary{Forwarded: 2*each + 81}, r.summary)
			reasons := map[event.Reason]int{}
			for p, some := range w.records("purchases") {
				decoder, err := event.NewDecoder(policy.Default())
				require.NoError(t, err)
				latest := instant.None
				for _, r := range some {
					var e event.Event
					reason := decoder.Decode(r.Value, event.Record{Timestamp: source.Timestamp(&r), Partition: int32(p), Partitions: newPartitions, Latest: latest}, &e)
					reasons[reason]++
					if reason == event.OK {
						require.GreaterOrEqual(t, e.Time, latest)
						latest = e.Time
					}
				}
			}
			require.Equal(t, map[event.Reason]int{event.OK: 2*each + 80, event.BadValue: 1}, reasons)
		})
	}
}

// Once it is caught up, a partition without traffic holds nobody back, nor does
// one whose next record claims to be of the future.
func TestAQuietPartitionHoldsNobodyBack(t *testing.T) {
	w := newWorld(t)
	_, err := w.producer.Produce(soon(t), "older", 0, []sink.Record{{Value: []byte(click(99, 0)), Time: time.Now().Add(1000 * time.Hour).UnixMilli()}})
	require.NoError(t, err)
	w.fill(1, 10, 0)
	r := w.start(nil)
	w.await("purchases", 11)
	w.fill(1, 10, 10)
	w.await("purchases", 21)
	require.Equal(t, Summary{Forwarded: 21}, r.finish(t))
}

// A partition that has not answered yet may hold what is earlier than all else.
func TestAPartitionThatDoesNotAnswerIsWaitedFor(t *testing.T) {
	s := &sorter{partitions: 1}
	quiet, waiting := newLane("old", 0, 0), newLane("old", 1, 0)
	waiting.ready, waiting.end = true, 1
	b, err := merge([]*lane{quiet, waiting}, s)
	require.NoError(t, err)
	require.True(t, b.empty())
	quiet.end = 0
	b, err = merge([]*lane{quiet, waiting}, s)
	require.NoError(t, err)
	require.Len(t, b.records[0], 1)
}

// A crash between the acknowledgement and the commit repeats, and loses nothing.
func TestACrashBeforeTheCommitOnlyRepeats(t *testing.T) {
	w := newWorld(t)
	w.fill(20, 30, 0)
	var crashed atomic.Pointer[running]
	w.servers.Kafka().ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		crashed.Load().end()
		return nil, errors.New("the process is gone"), true // nothing is committed
	})
	ready := make(chan struct{})
	r := w.start(func(o *Options) { o.Sink = &gate{Log: w.producer, open: ready} })
	crashed.Store(r)
	close(ready)
	<-r.over
	require.NoError(t, r.err)
	require.Positive(t, r.summary.Forwarded)

	r = w.start(nil)
	w.await("purchases", 600)
	w.fill(20, 1, 30)
	w.await("purchases", 620)
	r.finish(t)
	require.Positive(t, w.requireForwarded(20, 31))
}

// gate holds writes back until it is open.
type gate struct {
	sink.Log
	open <-chan struct{}
}

func (g *gate) Produce(ctx context.Context, topic string, partition int32, records []sink.Record) (int64, error) {
	<-g.open
	return g.Log.Produce(ctx, topic, partition, records)
}

// flaky fails every other time: half of these writes arrive all the same.
type flaky struct {
	sink.Log
	calls atomic.Int32
}

func (f *flaky) Produce(ctx context.Context, topic string, partition int32, records []sink.Record) (int64, error) {
	switch f.calls.Add(1) % 4 {
	case 1:
		return 0, fmt.Errorf("no answer: %w", context.DeadlineExceeded) // a net.Error: it passes
	case 3:
		_, _ = f.Log.Produce(ctx, topic, partition, records)
		return 0, fmt.Errorf("no answer: %w", context.DeadlineExceeded)
	}
	return f.Log.Produce(ctx, topic, partition, records)
}

func TestErrorsThatPassAreWaitedOut(t *testing.T) {
	w := newWorld(t)
	w.fill(20, 30, 0)
	w.servers.Kafka().ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		return nil, errors.New("connection lost"), true // once
	})
	r := w.start(func(o *Options) { o.Sink = &flaky{Log: w.producer} })
	w.await("purchases", 600)
	r.finish(t)
	w.requireForwarded(20, 30)
}

// Two members share the partitions, and one's go to the other when it leaves.
func TestTwoShareTheWork(t *testing.T) {
	w := newWorld(t)
	w.fill(20, 10, 0)
	first := w.start(nil)
	w.await("purchases", 200)
	second := w.start(func(o *Options) { o.Client = w.open() })
	w.fill(20, 10, 10)
	w.await("purchases", 400)
	first.finish(t)
	w.fill(20, 10, 20)
	w.await("purchases", 600)
	second.finish(t)
	w.requireForwarded(20, 30)
}

func TestWhatRetentionDeletedIsNotPassedOverInSilence(t *testing.T) {
	w := newWorld(t)
	w.fill(oldPartitions, 10, 0)
	r := w.start(nil)
	w.await("purchases", 10*oldPartitions)
	r.finish(t)
	w.fill(oldPartitions, 10, 10)

	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "old", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 2, Offset: 15}}}}
	admin, err := kgo.NewClient(kgo.SeedBrokers(w.servers.Brokers()...))
	require.NoError(t, err)
	defer admin.Close()
	_, err = req.RequestWith(soon(t), admin)
	require.NoError(t, err)

	r = w.start(nil)
	<-r.over
	require.ErrorContains(t, r.err, "forwarding to purchases: old/2 does not have offset 10, up to which it was forwarded")
	require.ErrorContains(t, r.err, "move the offset of group "+group)
}

func TestTopicsThatAreMissing(t *testing.T) {
	w := newWorld(t)
	for _, edit := range []func(*Options){
		func(o *Options) { o.From = []string{"old", "none"} },
		func(o *Options) { o.To = "none" },
	} {
		r := w.start(edit)
		<-r.over
		require.ErrorContains(t, r.err, "none")
	}
}

// fetched is a partition's answer with clicks of these times.
func fetched(t *testing.T, partition int32, lastStable int64, times ...int64) *source.Fetched {
	var b recordbatch.Builder
	b.Start(nil, recordbatch.Options{})
	for n, at := range times {
		b.Add(at, nil, []byte(click(int(partition), n)), nil)
	}
	raw, err := b.Finish()
	require.NoError(t, err)
	return &source.Fetched{Topic: "old", Partition: partition, Raw: raw, LastStable: lastStable}
}

// What was fetched and has to wait for an earlier partition is not committed: it
// would be lost if another member went on from there.
func TestWhatWaitsIsNotCommitted(t *testing.T) {
	decoder, err := event.NewDecoder(policy.Default())
	require.NoError(t, err)
	s := &sorter{decoder: decoder, partitions: 1}
	ahead, behind := newLane("old", 0, 0), newLane("old", 1, 0)
	require.NoError(t, ahead.fill(fetched(t, 0, 3, 1000, 3000, 4000), s))
	require.NoError(t, behind.fill(fetched(t, 1, 2, 2000), s)) // one more is to be had
	b, err := merge([]*lane{ahead, behind}, s)
	require.NoError(t, err)
	require.Len(t, b.records[0], 2, "those of 1000 and 2000")
	require.Equal(t, map[string]map[int]int64{"old": {0: 1, 1: 1}}, b.next)
}

// denied are letters that may not be written.
type denied struct{}

func (denied) Write(context.Context, []deadletter.Letter) error {
	return fmt.Errorf("writing dead letters: %w", kafka.TopicAuthorizationFailed)
}

func TestALetterThatCannotBeWrittenIsNotLost(t *testing.T) {
	w := newWorld(t)
	_, err := w.producer.Produce(soon(t), "older", 0, []sink.Record{{Value: []byte("{")}})
	require.NoError(t, err)
	r := w.start(func(o *Options) { o.Letters = denied{} })
	require.ErrorIs(t, r.ends(t), kafka.TopicAuthorizationFailed)
	require.Zero(t, r.summary.Rejected)
	r = w.start(nil)
	w.await("dead", 1)
	require.Equal(t, Summary{Rejected: 1}, r.finish(t), "it was not committed")
}

// second fails once, on its second call.
type second struct {
	sink.Log
	calls atomic.Int32
}

func (s *second) Produce(ctx context.Context, topic string, partition int32, records []sink.Record) (int64, error) {
	if s.calls.Add(1) == 2 {
		return 0, fmt.Errorf("no answer: %w", context.DeadlineExceeded)
	}
	return s.Log.Produce(ctx, topic, partition, records)
}

// Of what takes several requests, those that were acknowledged are not repeated.
func TestWhatIsAcknowledgedIsSentOnce(t *testing.T) {
	w := newWorld(t)
	for n := range int32(4) { // of as many partitions, so that one batch has all
		value := fmt.Appendf(nil, `{"id":"e-7-%d","type":"click","customer_id":"c-7","page":%q}`, n, strings.Repeat("x", 600<<10))
		_, err := w.producer.Produce(soon(t), "old", n, []sink.Record{{Time: int64(n), Value: value}})
		require.NoError(t, err)
	}
	r := w.start(func(o *Options) { o.Sink, o.ToEnd = &second{Log: w.producer}, true })
	require.NoError(t, r.ends(t))
	require.Equal(t, Summary{Forwarded: 4}, r.summary)
	var ids []string
	for _, r := range slices.Concat(w.records("purchases")...) {
		ids = append(ids, string(r.Value[:len(`{"id":"e-7-0"`)]))
	}
	require.Equal(t, []string{`{"id":"e-7-0"`, `{"id":"e-7-1"`, `{"id":"e-7-2"`, `{"id":"e-7-3"`}, ids)
}

// What does not pass by itself ends it: tried again, it would go on for ever.
func TestARightThatIsMissingEndsIt(t *testing.T) {
	const topicDenied, groupDenied = 29, 30
	for says, deny := range map[string]func(*kfake.Cluster){
		"joining consumer group " + group: func(k *kfake.Cluster) {
			k.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
				k.KeepControl()
				res := r.ResponseKind().(*kmsg.JoinGroupResponse)
				res.ErrorCode = groupDenied
				return res, nil, true
			})
		},
		"committing offsets to group " + group: func(k *kfake.Cluster) {
			k.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
				k.KeepControl()
				res := r.ResponseKind().(*kmsg.OffsetCommitResponse)
				for _, topic := range r.(*kmsg.OffsetCommitRequest).Topics {
					one := kmsg.NewOffsetCommitResponseTopic()
					one.Topic = topic.Topic
					for _, p := range topic.Partitions {
						answer := kmsg.NewOffsetCommitResponseTopicPartition()
						answer.Partition, answer.ErrorCode = p.Partition, groupDenied
						one.Partitions = append(one.Partitions, answer)
					}
					res.Topics = append(res.Topics, one)
				}
				return res, nil, true
			})
		},
		"fetching old": func(k *kfake.Cluster) {
			k.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
				k.KeepControl()
				res := r.ResponseKind().(*kmsg.FetchResponse)
				for _, topic := range r.(*kmsg.FetchRequest).Topics {
					one := kmsg.NewFetchResponseTopic()
					one.Topic = topic.Topic
					for _, p := range topic.Partitions {
						answer := kmsg.NewFetchResponseTopicPartition()
						answer.Partition, answer.ErrorCode = p.Partition, topicDenied
						one.Partitions = append(one.Partitions, answer)
					}
					res.Topics = append(res.Topics, one)
				}
				return res, nil, true
			})
		},
	} {
		t.Run(says, func(t *testing.T) {
			w := newWorld(t)
			w.fill(5, 10, 0)
			deny(w.servers.Kafka())
			err := w.start(nil).ends(t)
			require.ErrorContains(t, err, says)
			require.ErrorContains(t, err, "docs/security.md")
		})
	}
}
