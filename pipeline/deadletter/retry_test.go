package deadletter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

// world is a broker with two inputs and dead letters.
type world struct {
	t        *testing.T
	servers  *embedded.Servers
	client   *source.Client
	producer *sink.Producer
}

func newWorld(t *testing.T) *world {
	servers, err := embedded.Start(embedded.Options{Topics: map[string]int32{"purchases": 4, "clicks": 4, "dead": 2}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	client, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: []string{"purchases", "clicks", "dead"}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &world{t: t, servers: servers, client: client, producer: sink.New(client)}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// reject writes a record to an input and what the engine would make of it to the
// dead letters.
func (w *world) reject(topic string, number int32, reason string, rejectedAt int64, record sink.Record) *Letter {
	w.t.Helper()
	offset, err := w.producer.Produce(soon(w.t), topic, number, []sink.Record{record})
	require.NoError(w.t, err)
	l := &Letter{Topic: topic, Partition: number, Offset: offset, Reason: reason, RejectedAt: rejectedAt,
		Key: record.Key, Value: record.Value, Headers: record.Headers}
	w.letter(l)
	return l
}

func (w *world) letter(l *Letter) {
	w.t.Helper()
	require.NoError(w.t, NewWriter(w.client, w.producer, "dead").Write(soon(w.t), []Letter{*l}))
}

// deleteLetters does to a partition of the dead letters what retention does.
func (w *world) deleteLetters(number int32, before int64) {
	w.t.Helper()
	admin, err := kgo.NewClient(kgo.SeedBrokers(w.servers.Brokers()...))
	require.NoError(w.t, err)
	defer admin.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "dead", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: number, Offset: before}}}}
	_, err = req.RequestWith(soon(w.t), admin)
	require.NoError(w.t, err)
}

// holds returns what an input holds from an offset on: headers, key, value.
func (w *world) holds(topic string, number int32, from int64) (all []string) {
	w.t.Helper()
	_, end, err := w.client.Bounds(soon(w.t), topic, number)
	require.NoError(w.t, err)
	require.NoError(w.t, w.client.Scan(soon(w.t), topic, number, from, end, func(r *recordbatch.Record) error {
		var text strings.Builder
		for h := range r.Headers() {
			fmt.Fprintf(&text, "%s=%s ", h.Key, h.Value)
		}
		all = append(all, fmt.Sprintf("%s%s:%s", text.String(), r.Key, r.Value))
		return nil
	}))
	return all
}

func (w *world) retry(edit func(*Retry)) *Retried {
	w.t.Helper()
	r := &Retry{Source: w.client, Log: w.producer, Topic: "dead", Inputs: []string{"purchases", "clicks"}, Policy: policy.Default(),
		Filter: Filter{Since: instant.None, Until: instant.None}}
	if edit != nil {
		edit(r)
	}
	done, err := r.Run(soon(w.t))
	require.NoError(w.t, err)
	return done
}

const click = `{"id":"e-1","type":"click","customer_id":"c-7"}`

func TestALetterGoesBackAsItCame(t *testing.T) {
	w := newWorld(t)
	w.reject("purchases", 3, "unknown_currency", 9000, sink.Record{Key: []byte("c-1"), Value: []byte("euros"), Time: 4000,
		Headers: []sink.Header{{Key: "traceparent", Value: []byte("x")}}})
	w.reject("purchases", 3, "malformed", 9000, sink.Record{Value: []byte{}, Time: 5000})
	done := w.retry(nil)
	require.Equal(t, map[string]int{"unknown_currency": 1, "malformed": 1}, done.Sent)
	require.Equal(t, 2, done.Total())
	require.Equal(t, []string{"traceparent=x tidemark-timestamp=4000 c-1:euros", "tidemark-timestamp=5000 :"}, w.holds("purchases", 3, 2))

	require.Equal(t, 2, w.retry(nil).Total(), "letters stay")
	require.Len(t, w.holds("purchases", 3, 2), 4)
}

func TestTheTimeOfALetter(t *testing.T) {
	w := newWorld(t)
	forwarded := []sink.Header{{Key: source.TimestampHeader, Value: []byte("300")}}
	w.reject("clicks", 0, "bad_value", 9000, sink.Record{Value: []byte("forwarded"), Time: 4000, Headers: forwarded})
	w.reject("clicks", 0, "future_dated", 9000, sink.Record{Value: []byte("ahead"), Time: 4000, Headers: forwarded})
	w.letter(&Letter{Topic: "clicks", Partition: 0, Offset: 1, Reason: "bad_value", RejectedAt: 9000, Value: []byte("of another log")})
	w.letter(&Letter{Topic: "clicks", Partition: 0, Offset: 1, Reason: "bad_value", RejectedAt: 9000, Key: []byte("k"), Value: []byte("ahead")})
	w.letter(&Letter{Topic: "clicks", Partition: 0, Offset: 77, Reason: "bad_value", RejectedAt: 9000, Value: []byte("of a longer log")})
	gone := func(value, timestamp string) {
		w.letter(&Letter{Topic: "clicks", Partition: 0, Offset: 78, Reason: "bad_value", RejectedAt: 9000, Value: []byte(value),
			Headers: []sink.Header{{Key: source.TimestampHeader, Value: []byte("1")}, {Key: source.TimestampHeader, Value: []byte(timestamp)}}})
	}
	gone("gone, forwarded", "300")
	gone("gone, forwarded from the future", "9001")
	gone("gone, forwarded without a time", "soon")
	w.retry(nil)
	require.Equal(t, []string{
		"tidemark-timestamp=300 :forwarded",
		":ahead", // or it would be dated into the future for ever
		"tidemark-timestamp=9000 :of another log",
		"tidemark-timestamp=9000 k:ahead", // of another customer's log
		"tidemark-timestamp=9000 :of a longer log",
		"tidemark-timestamp=300 :gone, forwarded",
		"tidemark-timestamp=9000 :gone, forwarded from the future",
		"tidemark-timestamp=9000 :gone, forwarded without a time",
	}, w.holds("clicks", 0, 2))
}

func TestAMisplacedLetterGoesToItsCustomer(t *testing.T) {
	w := newWorld(t)
	right := partition.Murmur2.Partition("c-7", 4)
	w.reject("clicks", (right+1)%4, "misplaced", 9000, sink.Record{Key: []byte("c-7"), Value: []byte(click), Time: 4000})
	require.Equal(t, map[string]int{"misplaced": 1}, w.retry(nil).Sent)
	require.Equal(t, []string{"tidemark-timestamp=4000 c-7:" + click}, w.holds("clicks", right, 0))
}

func TestWhatIsSentBack(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.reject("purchases", 1, []string{"malformed", "bad_value"}[i%2], int64(1000*i), sink.Record{Value: fmt.Appendf(nil, "%d", i), Time: int64(10 * i)})
	}
	w.letter(&Letter{Topic: "old-clicks", Reason: "malformed", RejectedAt: 3000})
	w.letter(&Letter{Topic: "purchases", Partition: 4, Reason: "malformed", RejectedAt: 3000})
	_, err := w.producer.Produce(soon(t), "dead", 0, []sink.Record{{Value: []byte("not ours")}})
	require.NoError(t, err)

	done := w.retry(func(r *Retry) { r.DryRun = true })
	require.Equal(t, &Retried{Sent: map[string]int{"malformed": 3, "bad_value": 3}, LeftOut: map[string]int{}, Elsewhere: map[string]int{"old-clicks": 1, "purchases": 1}, Foreign: 1}, done)
	require.Len(t, w.holds("purchases", 1, 0), 6)

	w.retry(func(r *Retry) { r.Filter = Filter{Reasons: []string{"bad_value"}, Since: 1000, Until: 5000} })
	require.Equal(t, []string{"tidemark-timestamp=10 :1", "tidemark-timestamp=30 :3"}, w.holds("purchases", 1, 6))

	w.retry(func(r *Retry) { r.Limit = 1 })
	require.Len(t, w.holds("purchases", 1, 6), 3)
}

// What would come back for ever is sent only where it is named.
func TestHopelessLetters(t *testing.T) {
	w := newWorld(t)
	for i, reason := range []string{"oversized", "malformed", "too_late", "too_late", "malformed"} {
		w.reject("purchases", 1, reason, 9000, sink.Record{Value: fmt.Appendf(nil, "%d", i), Time: 10})
	}
	done := w.retry(func(r *Retry) { r.Limit = 2 })
	require.Equal(t, map[string]int{"malformed": 2}, done.Sent, "the limit does not count what is left out")
	require.Equal(t, map[string]int{"oversized": 1, "too_late": 2}, done.LeftOut)
	done = w.retry(func(r *Retry) { r.Filter.Reasons = []string{"too_late"} })
	require.Equal(t, map[string]int{"too_late": 2}, done.Sent)
	require.Empty(t, done.LeftOut)
	require.Len(t, w.holds("purchases", 1, 5), 4)
}

// More than is held at once goes in several pieces, each letter in one of them.
func TestManyLettersAreSentOnce(t *testing.T) {
	w := newWorld(t)
	const letters = 30
	filler := strings.Repeat("x", 600<<10)
	for i := range letters {
		w.letter(&Letter{Topic: "purchases", Partition: int32(i % 3), Offset: int64(i), Reason: "malformed", Value: fmt.Appendf(nil, "%d %s", i, filler)})
	}
	require.Greater(t, letters*len(filler), flushBytes)
	require.Equal(t, map[string]int{"malformed": letters}, w.retry(nil).Sent)
	seen := map[string]int{}
	for number := range int32(3) {
		for _, text := range w.holds("purchases", number, 0) {
			seen[text[:strings.LastIndex(text, " ")]]++
		}
	}
	require.Len(t, seen, letters)
	for text, times := range seen {
		require.Equal(t, 1, times, text)
	}
}

// Dead letters do not stay for ever.
func TestLettersThatRetentionDeleted(t *testing.T) {
	w := newWorld(t)
	for i, value := range []string{"first", "second"} {
		w.reject("purchases", 2, "malformed", 9000+int64(i), sink.Record{Key: []byte("k"), Value: []byte(value), Time: 4000})
	}
	lines := w.listed()
	require.Len(t, lines, 2)
	w.deleteLetters(0, 1)
	require.Equal(t, lines[1:], w.listed())
	require.Equal(t, 1, w.retry(nil).Total())

	// One that was listed before may still be repaired, as what its line says.
	repaired := strings.Replace(lines[0], `"first"`, `"mended"`, 1)
	require.Equal(t, 1, w.retry(func(r *Retry) { r.Repaired = strings.NewReader(repaired) }).Total())
	require.Equal(t, []string{"tidemark-timestamp=4000 k:second", "tidemark-timestamp=9000 k:mended"}, w.holds("purchases", 2, 2))
}

// Where it fails mid-way, what was acknowledged is told.
func TestRetryFailsMidway(t *testing.T) {
	w := newWorld(t)
	large := bytes.Repeat([]byte("x"), 600<<10) // each a batch
	for range 3 {
		w.letter(&Letter{Topic: "purchases", Partition: 2, Reason: "malformed", Value: large})
	}
	away := errors.New("away")
	log := &failing{Log: w.producer, after: 2, err: away}
	r := &Retry{Source: w.client, Log: log, Topic: "dead", Inputs: []string{"purchases"}, Policy: policy.Default(),
		Filter: Filter{Since: instant.None, Until: instant.None}}
	done, err := r.Run(soon(t))
	require.ErrorIs(t, err, away)
	require.Equal(t, map[string]int{"malformed": 2}, done.Sent)
	require.Len(t, w.holds("purchases", 2, 0), 2)
}

// failing is a log that fails after some calls.
type failing struct {
	sink.Log
	after int
	err   error
}

func (f *failing) Produce(ctx context.Context, topic string, partition int32, records []sink.Record) (int64, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return f.Log.Produce(ctx, topic, partition, records)
}

// Many letters, far apart and close together, find their records.
func TestTimesOfManyLetters(t *testing.T) {
	w := newWorld(t)
	var records []sink.Record
	for i := range 3000 {
		records = append(records, sink.Record{Value: fmt.Appendf(nil, "%d", i), Time: int64(i)})
	}
	_, err := w.producer.Produce(soon(t), "purchases", 0, records)
	require.NoError(t, err)
	var letters []Letter
	for i := 0; i < 3000; i += 1 + i%700 {
		letters = append(letters, Letter{Topic: "purchases", Offset: int64(i), Reason: "malformed", RejectedAt: 9999, Value: records[i].Value})
	}
	require.NoError(t, NewWriter(w.client, w.producer, "dead").Write(soon(t), letters))
	require.Equal(t, len(letters), w.retry(nil).Total())
	for i, text := range w.holds("purchases", 0, 3000) {
		require.Equal(t, fmt.Sprintf("tidemark-timestamp=%d :%d", letters[i].Offset, letters[i].Offset), text)
	}
}

func TestRetryTellsWhatGoesWrong(t *testing.T) {
	w := newWorld(t)
	w.reject("purchases", 1, "malformed", 1, sink.Record{Value: []byte("x")})
	away := errors.New("away")
	r := &Retry{Source: w.client, Log: &fakeLog{err: away}, Topic: "dead", Inputs: []string{"purchases"}, Policy: policy.Default(),
		Filter: Filter{Since: instant.None, Until: instant.None}}
	_, err := r.Run(soon(t))
	require.ErrorIs(t, err, away)
	require.ErrorContains(t, err, "retrying dead letters")

	r.Topic = "none"
	_, err = r.Run(soon(t))
	require.ErrorContains(t, err, "reading dead letters")
}

// listed are the letters that the topic holds as an operator gets them.
func (w *world) listed() (lines []string) {
	w.t.Helper()
	_, err := Read(soon(w.t), w.client, "dead", Filter{Since: instant.None, Until: instant.None}, func(at Place, l *Letter) error {
		var line strings.Builder
		require.NoError(w.t, l.PrintJSON(&line, at))
		lines = append(lines, line.String())
		return nil
	})
	require.NoError(w.t, err)
	return lines
}

// A letter that was mended goes to the customer whom it names now, and happened
// when its record was written.
func TestARepairedLetter(t *testing.T) {
	w := newWorld(t)
	right := partition.Murmur2.Partition("c-7", 4)
	w.reject("clicks", (right+1)%4, "missing_field", 9000, sink.Record{Value: []byte(`{"id":"e-1","type":"click"}`), Time: 4000,
		Headers: []sink.Header{{Key: "traceparent", Value: []byte("x")}}})
	w.reject("clicks", right, "malformed", 9000, sink.Record{Key: []byte("c-7"), Value: []byte("\xff"), Time: 5000})
	w.reject("clicks", right, "too_late", 9000, sink.Record{Key: []byte("c-7"), Value: []byte(click), Time: 6000})
	ahead := strings.Replace(click, "}", `,"occurred_at":"2099-01-01T00:00:00Z"}`, 1)
	w.reject("clicks", right, "future_dated", 9000, sink.Record{Key: []byte("c-7"), Value: []byte(ahead), Time: 7000})
	lines := strings.Join(w.listed(), "\n") // blank lines are none
	lines = strings.Replace(lines, `{\"id\":\"e-1\",\"type\":\"click\"}`, `{\"id\":\"e-1\",\"type\":\"click\",\"customer_id\":\"c-7\"}`, 1)
	lines = strings.Replace(lines, `"value":null,"value_base64":"/w=="`, `"value":"mended","value_base64":""`, 1)
	lines = strings.Replace(lines, "2099-", "1969-", 1)
	done := w.retry(func(r *Retry) { r.Repaired = strings.NewReader(lines) })
	require.Equal(t, map[string]int{"missing_field": 1, "malformed": 1, "too_late": 1, "future_dated": 1}, done.Sent)
	require.ElementsMatch(t, []string{
		`traceparent=x tidemark-timestamp=4000 :{"id":"e-1","type":"click","customer_id":"c-7"}`,
		"tidemark-timestamp=5000 c-7:mended",
		"tidemark-timestamp=6000 c-7:" + click,
		"tidemark-timestamp=7000 c-7:" + strings.Replace(ahead, "2099-", "1969-", 1),
	}, w.holds("clicks", right, 3))
	require.Len(t, w.holds("clicks", (right+1)%4, 0), 1)

	done = w.retry(func(r *Retry) {
		r.Repaired, r.DryRun, r.Limit, r.Filter.Reasons = strings.NewReader(lines), true, 1, []string{"too_late", "malformed"}
	})
	require.Equal(t, 1, done.Total(), "a file is filtered, too")
}

// Nothing but what a letter says may be changed, and every mistake names its line.
func TestARepairedLetterOfNowhere(t *testing.T) {
	w := newWorld(t)
	w.reject("clicks", 0, "malformed", 9000, sink.Record{Value: []byte("{"), Time: 4000})
	line := w.listed()[0]
	for says, mistake := range map[string]func(string) string{
		"partition 0 of dead holds no such letter at offset 1": func(l string) string {
			return strings.Replace(l, `"offset":0,"rejected_at"`, `"offset":1,"rejected_at"`, 1)
		},
		"holds no such letter at offset 0":                                     func(l string) string { return strings.Replace(l, "clicks", "purchases", 1) },
		"partition 0 of dead holds no such letter at offset 0: change nothing": func(l string) string { return strings.Replace(l, "malformed", "bad_value", 1) },
		"unknown field \"Val\"":                                                func(l string) string { return strings.Replace(l, `"value"`, `"Val"`, 1) },
		"write one on each line":                                               func(l string) string { return strings.TrimSpace(l) + l },
		"is not a time":                                                        func(l string) string { return strings.Replace(l, "1970", "year", 1) },
		"reason \"odd\" is none":                                               func(l string) string { return strings.Replace(l, "malformed", "odd", 1) },
		"negative":                                                             func(l string) string { return strings.Replace(l, `"partition":0`, `"partition":-1`, 1) },
		"key: illegal base64":                                                  func(l string) string { return strings.Replace(l, `"key":null`, `"key":null,"key_base64":"%"`, 1) },
		"as text and in base64": func(l string) string {
			return strings.Replace(l, `"value":"{"`, `"value":"{","value_base64":"ew=="`, 1)
		},
		"invalid character": func(string) string { return "#\n" },
	} {
		r := &Retry{Source: w.client, Log: w.producer, Topic: "dead", Inputs: []string{"clicks"}, Policy: policy.Default(),
			Filter: Filter{Since: instant.None, Until: instant.None}, Repaired: strings.NewReader("\n" + mistake(line))}
		done, err := r.Run(soon(t))
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "line 2 of the repaired letters")
		require.Zero(t, done.Total())
	}
	require.Len(t, w.holds("clicks", 0, 0), 1)
}
