package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// doctored is a copy of the changes topic in which something was planted.
const doctored = "doctored"

// published is everything in the changes topic, by partition.
func (w *world) published() [][]sink.Record {
	w.t.Helper()
	all := make([][]sink.Record, local.Partitions)
	for p := range all {
		_, end, err := w.Client.Bounds(w.t.Context(), local.Changes, int32(p))
		require.NoError(w.t, err)
		for at := int64(0); at < end; {
			answers, err := w.Client.Fetch(w.t.Context(), []source.Position{{Topic: local.Changes, Partition: int32(p), Offset: at, MaxBytes: 8 << 20}}, time.Second, 8<<20)
			require.NoError(w.t, err)
			require.NoError(w.t, answers[0].Err)
			var reader recordbatch.Reader
			reader.Reset(answers[0].Raw, at, answers[0].Aborted)
			var record recordbatch.Record
			for more := true; more; {
				more, err = reader.Next(&record)
				require.NoError(w.t, err)
				if more {
					all[p] = append(all[p], copyOf(&record))
				}
			}
			at = reader.Position()
		}
	}
	return all
}

func copyOf(r *recordbatch.Record) sink.Record {
	out := sink.Record{Key: r.Key, Value: r.Value, Time: r.Timestamp}
	for h := range r.Headers() {
		out.Headers = append(out.Headers, h)
	}
	return out
}

// publish writes records to the doctored topic.
func (w *world) publish(all [][]sink.Record) {
	w.t.Helper()
	client, err := source.Open(source.Config{Brokers: w.where.Kafka.Brokers, Topics: []string{doctored}, ClientID: "test"})
	require.NoError(w.t, err)
	defer client.Close()
	producer := sink.New(client)
	for p, records := range all {
		if len(records) > 0 {
			_, err := producer.Produce(w.t.Context(), doctored, int32(p), records)
			require.NoError(w.t, err)
		}
	}
}

// seal gives a value the id that its bytes ask for.
func seal(value string) []byte {
	const head = len(`{"id":"`) + 32 + len(`",`)
	sum := sha256.Sum256([]byte("{" + value[head:]))
	return []byte(`{"id":"` + hex.EncodeToString(sum[:])[:32] + `",` + value[head:])
}

// reseal makes a change say something else, as if it had been meant.
func reseal(r *sink.Record, from, to string) bool {
	altered := strings.Replace(string(r.Value), from, to, 1)
	if altered == string(r.Value) {
		return false
	}
	r.Value = seal(altered)
	setHeader(r, "ce_id", string(r.Value[7:39]))
	return true
}

func setHeader(r *sink.Record, name, value string) {
	r.Headers = slices.Clone(r.Headers)
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			r.Headers[i].Value = []byte(value)
		}
	}
}

// story is what the planted bugs are planted in: four customers of one shard.
func story() []string {
	ids := neighbours(4)
	buyer, visitor, gone, waiting := ids[0], ids[1], ids[2], ids[3]
	line := func(customer, at, rest string) string {
		return fmt.Sprintf(`{"customer_id":%q,"occurred_at":%q,%s}`, customer, at, rest)
	}
	return []string{
		line(buyer, "2025-01-01T10:00:00Z", `"id":"e1","type":"purchase","order_id":"o1","amount":"12.50"`),
		line(visitor, "2025-01-01T12:00:00Z", `"id":"e2","type":"click"`),
		line(buyer, "2025-01-02T10:00:00Z", `"id":"e3","type":"purchase","order_id":"o2","amount":"30"`),
		line(buyer, "2025-01-03T10:00:00Z", `"id":"e4","type":"refund","order_id":"o2","amount":"5"`),
		line(gone, "2025-01-03T11:00:00Z", `"id":"e5","type":"purchase","amount":"1"`),
		line(buyer, "2025-01-04T10:00:00Z", `"id":"e6","type":"purchase","order_id":"o3","amount":"7"`),
		line(gone, "2025-01-05T11:00:00Z", `"id":"e7","type":"forget"`),
		line(waiting, "2025-01-06T00:00:00Z", `"id":"e8","type":"refund","order_id":"o9"`),
		line(visitor, "2025-02-20T12:00:00Z", `"id":"e9","type":"click"`),
		line(gone, "2025-01-04T11:00:00Z", `"id":"e10","type":"click"`),
		line(visitor, "2025-02-22T12:00:00Z", `"id":"e11","type":"click"`),
	}
}

// neighbours are customers of one shard.
func neighbours(n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprintf("c-%d", i); partition.Murmur2.Partition(id, local.Partitions) == 5 {
			ids = append(ids, id)
		}
	}
	return ids
}

const theShard = 5

func (w *world) keys() keys.Keys { return keys.Of("test", theShard) }

// edit changes a stored customer.
func (w *world) edit(id string, change func(*profile.Profile)) {
	w.t.Helper()
	key := w.keys().Customer(id)
	raw, err := w.redis.Get(w.t.Context(), key).Bytes()
	require.NoError(w.t, err)
	p := profile.New()
	require.NoError(w.t, p.Decode(raw))
	change(&p)
	require.NoError(w.t, w.redis.Set(w.t.Context(), key, p.Append(nil), 0).Err())
}

// field changes a field of the shard's hash.
func (w *world) field(name string, change func(string) string) {
	w.t.Helper()
	before, err := w.redis.HGet(w.t.Context(), w.keys().Shard(), name).Result()
	require.NoError(w.t, err)
	after := change(before)
	require.NotEqual(w.t, before, after)
	require.NoError(w.t, w.redis.HSet(w.t.Context(), w.keys().Shard(), name, after).Err())
}

func replaced(from, to string) func(string) string {
	return func(s string) string { return strings.Replace(s, from, to, 1) }
}

// planted is one thing that is wrong, and what the verdict says of it.
type planted struct {
	name  string
	redis func(*world)
	topic func([]sink.Record) []sink.Record // the shard's partition of the changes topic
	says  string                            // what of the first differences
	gone  bool                              // cannot be told after a rollback
}

func plantedInRedis() []planted {
	ids := neighbours(5)
	buyer, visitor, gone, waiting, ghost := ids[0], ids[1], ids[2], ids[3], ids[4]
	edit := func(id string, change func(*profile.Profile)) func(*world) {
		return func(w *world) { w.edit(id, change) }
	}
	field := func(name, from, to string) func(*world) {
		return func(w *world) { w.field(name, replaced(from, to)) }
	}
	return []planted{
		{name: "a changed amount", redis: edit(buyer, func(p *profile.Profile) { p.Orders[0].Amount++ }), says: `order "o1"`},
		{name: "an order's time", redis: edit(buyer, func(p *profile.Profile) { p.Orders[0].Time-- }), says: `order "o1"`},
		{name: "an order's latest event", redis: edit(buyer, func(p *profile.Profile) { p.Orders[0].LastAt++ }), says: `order "o1"`},
		{name: "the time of an amount", redis: edit(buyer, func(p *profile.Profile) { p.Orders[0].AmountAt++ }), says: `order "o1"`},
		{name: "a refund's amount", redis: edit(buyer, func(p *profile.Profile) { p.Orders[1].Refunds[0].Amount = 400 }), says: `order "o2"`},
		{name: "a lost order", redis: edit(buyer, func(p *profile.Profile) { p.Orders = p.Orders[:2] }), says: `order "o3"`},
		{name: "a lost refund", redis: edit(waiting, func(p *profile.Profile) { p.Orders = nil; p.FirstSeen, p.LastSeen = 1, 1 }), says: `order "o9"`},
		{name: "totals out of nowhere", redis: edit(buyer, func(p *profile.Profile) {
			p.Lifetime = profile.Lifetime{Orders: 1, Amount: 1, FirstDayAmount: 1, Days: []int32{1}, First: 86400000, Last: 86400000}
		}), says: "lifetime orders"},
		{name: "last seen", redis: edit(visitor, func(p *profile.Profile) { p.LastSeen++ }), says: "last seen"},
		{name: "a floor", redis: edit(visitor, func(p *profile.Profile) { p.Floor = 1 }), says: "floor"},
		{name: "a lost tombstone", redis: edit(gone, func(p *profile.Profile) { p.ForgottenAt, p.ForgetID = profile.None, 0 }), says: "tombstone"},
		{name: "another tombstone", redis: edit(gone, func(p *profile.Profile) { p.ForgottenAt++ }), says: "tombstone", gone: true},
		{name: "a wrong version", redis: edit(buyer, func(p *profile.Profile) { p.Version++ }), says: "first line"},
		{name: "a wrong segment", redis: edit(buyer, func(p *profile.Profile) { p.Segment = segment.Loyal }), says: "first line"},
		{name: "a wrong beginning", redis: edit(buyer, func(p *profile.Profile) { p.Since++ }), says: "first line", gone: true},
		{name: "a wrong deadline", redis: edit(visitor, func(p *profile.Profile) { p.NextAt, p.Next = 1893456000000, segment.Churned }), says: "first line"},
		{name: "a mark", redis: edit(buyer, func(p *profile.Profile) { p.Mark = profile.Adopted }), says: "mark"},
		{name: "a missing customer", redis: func(w *world) {
			require.NoError(w.t, w.redis.Del(w.t.Context(), w.keys().Customer(buyer)).Err())
		}, says: "customer"},
		{name: "an extra customer", redis: func(w *world) {
			raw := w.redis.Get(w.t.Context(), w.keys().Customer(visitor)).Val()
			require.NoError(w.t, w.redis.Set(w.t.Context(), w.keys().Customer(ghost), raw, 0).Err())
		}, says: "first line"},
		{name: "a customer of another shard", redis: func(w *world) {
			raw := w.redis.Get(w.t.Context(), w.keys().Customer(visitor)).Val()
			require.NoError(w.t, w.redis.Set(w.t.Context(), keys.Of("test", 1).Customer(visitor), raw, 0).Err())
		}, says: "shard"},
		{name: "damaged bytes", redis: func(w *world) {
			require.NoError(w.t, w.redis.Append(w.t.Context(), w.keys().Customer(buyer), "\x5a").Err())
		}, says: "stored value"},
		{name: "an offset too small", redis: field("next:purchases", "8", "7"), says: "offset of the last record of purchases"},
		{name: "an offset too great", redis: field("next:clicks", "4", "5"), says: "next offset of clicks"},
		{name: "another last record", redis: field("last:clicks", "3:7", "3:8"), says: "checksum of record 3 of clicks"},
		{name: "a greatest time", redis: field("max:clicks", "1740", "1741"), says: "greatest event time of clicks"},
		{name: "a wrong counter", redis: field("n:clicks", "applied=3", "applied=4"), says: "records of clicks counted as applied"},
		{name: "another reason", redis: field("n:purchases", "missing_field=1", "malformed=1"), says: "records of purchases counted as malformed"},
		{name: "a counter more", redis: field("n:purchases", "missing_field=1", "missing_field=1 lost=1"), says: "records of purchases counted as lost"},
		{name: "a wrong size", redis: field("size:churned", "2", "7"), says: "customers counted as churned"},
		{name: "a number of changes", redis: field("changes", "1", "2"), says: "changes counted", gone: true},
		{name: "refunds in vain", redis: field("dropped", "0", "1"), says: "refunds counted as waiting in vain", gone: true},
		{name: "stream time back", redis: field("clock", "17", "16"), says: "stream time"},
		{name: "a late timer", redis: func(w *world) {
			require.NoError(w.t, w.redis.ZAdd(w.t.Context(), w.keys().Timers(), redis.Z{Score: 1893456000000, Member: waiting}).Err())
		}, says: "timer"},
		{name: "a lost timer", redis: func(w *world) {
			require.NoError(w.t, w.redis.ZRem(w.t.Context(), w.keys().Timers(), waiting).Err())
		}, says: "timer"},
		{name: "a timer late in both places", redis: func(w *world) {
			w.edit(waiting, func(p *profile.Profile) { p.Armed = 1893456000000 })
			require.NoError(w.t, w.redis.ZAdd(w.t.Context(), w.keys().Timers(), redis.Z{Score: 1893456000000, Member: waiting}).Err())
		}, says: "timer"},
		{name: "a timer of nobody", redis: func(w *world) {
			require.NoError(w.t, w.redis.ZAdd(w.t.Context(), w.keys().Timers(), redis.Z{Score: 1, Member: ghost}).Err())
		}, says: "timers"},
	}
}

// drop leaves out the changes that a predicate names.
func drop(which func(i int, r *sink.Record) bool) func([]sink.Record) []sink.Record {
	return func(all []sink.Record) (kept []sink.Record) {
		for i := range all {
			if !which(i, &all[i]) {
				kept = append(kept, all[i])
			}
		}
		return kept
	}
}

// alter changes the first record that a function finds something in.
func alter(change func(r *sink.Record) bool) func([]sink.Record) []sink.Record {
	return func(all []sink.Record) []sink.Record {
		all = slices.Clone(all)
		for i := range all {
			if change(&all[i]) {
				return all
			}
		}
		return nil
	}
}

func plantedInTheTopic() []planted {
	ids := neighbours(5)
	buyer, visitor := ids[0], ids[1]
	of := func(r *sink.Record, id, version string) bool {
		return string(r.Key) == id && bytes.Contains(r.Value, []byte(`"version":`+version+`,`))
	}
	rewritten := func(from, to string) func([]sink.Record) []sink.Record {
		return alter(func(r *sink.Record) bool { return reseal(r, from, to) })
	}
	header := func(name, value string) func([]sink.Record) []sink.Record {
		return alter(func(r *sink.Record) bool { setHeader(r, name, value); return true })
	}
	return []planted{
		{name: "a missing change", topic: drop(func(_ int, r *sink.Record) bool { return of(r, buyer, "2") }), says: "change 2"},
		{name: "a missing first change", topic: drop(func(_ int, r *sink.Record) bool { return of(r, visitor, "1") }), says: "change 1"},
		{name: "a missing last change", topic: drop(func(_ int, r *sink.Record) bool { return of(r, buyer, "4") }), says: "change"},
		{name: "a change too many", topic: func(all []sink.Record) []sink.Record {
			last := all[slices.IndexFunc(all, func(r sink.Record) bool { return of(&r, buyer, "4") })]
			reseal(&last, `"version":4,`, `"version":5,`)
			return append(slices.Clone(all), last)
		}, says: "change 5"},
		{name: "a doubled change with other bytes", topic: func(all []sink.Record) []sink.Record {
			again := all[0]
			again.Value = bytes.Replace(again.Value, []byte("potential"), []byte("loyal"), 1)
			return append(slices.Clone(all), again)
		}, says: "change at offset"},
		{name: "a version with two contents", topic: func(all []sink.Record) []sink.Record {
			again := all[0]
			reseal(&again, "12.50", "12.51")
			return append(slices.Clone(all), again)
		}, says: "change"},
		{name: "a wrong sum", topic: rewritten("12.50", "12.51"), says: "change 1"},
		{name: "a wrong segment", topic: rewritten(`"to":"loyal"`, `"to":"potential"`), says: "change 2"},
		{name: "a wrong from", topic: rewritten(`"from":"potential"`, `"from":"edge"`), says: "change"},
		{name: "a wrong instant", topic: rewritten(`"effective_at":"2025-01-04T10:00:00.000Z"`, `"effective_at":"2025-01-04T10:00:00.001Z"`), says: "header ce_time"},
		{name: "a wrong event", topic: rewritten(`"event_id":"e1"`, `"event_id":"e2"`), says: "change 1"},
		{name: "a wrong next", topic: rewritten(`"next":{"segment":"edge"`, `"next":{"segment":"churned"`), says: "change"},
		{name: "a wrong policy", topic: rewritten(`"policy":{"name":"default"`, `"policy":{"name":"other"`), says: "change"},
		{name: "a space", topic: rewritten(`,"version":`, `, "version":`), says: "change"},
		{name: "another position", topic: alter(func(r *sink.Record) bool {
			setHeader(r, "tidemark-at", `{"offsets":{"clicks":1,"purchases":1},"stream_time":"2025-01-02T10:00:00.000Z"}`)
			return of(r, buyer, "2")
		}), says: "change"},
		{name: "a position ahead", topic: header("tidemark-at", `{"offsets":{"clicks":1,"purchases":900},"stream_time":"2025-01-02T10:00:00.000Z"}`), says: "tidemark-at"},
		{name: "a deadline's position behind what came before it", topic: alter(func(r *sink.Record) bool {
			setHeader(r, "tidemark-at", `{"offsets":{"clicks":0,"purchases":0},"stream_time":"2025-08-01T00:00:00.000Z"}`)
			return bytes.Contains(r.Value, []byte(`"kind":"timer"`))
		}), says: "change"},
		{name: "no position", topic: header("tidemark-at", ``), says: "header tidemark-at"},
		{name: "another namespace", topic: header("ce_source", "tidemark/other"), says: "header ce_source"},
		{name: "another subject", topic: header("ce_subject", "c-none"), says: "header ce_subject"},
		{name: "another id in front", topic: header("ce_id", "0123456789abcdef0123456789abcdef"), says: "header ce_id"},
		{name: "another type", topic: header("ce_type", "tidemark.other"), says: "header ce_type"},
		{name: "another version of CloudEvents", topic: header("ce_specversion", "0.3"), says: "header ce_specversion"},
		{name: "another content type", topic: header("content-type", "text/plain"), says: "header content-type"},
		{name: "another key", topic: alter(func(r *sink.Record) bool { r.Key = []byte("c-none"); return true }), says: "its key is"},
		{name: "versions swapped", topic: func(all []sink.Record) []sink.Record {
			all = slices.Clone(all)
			first := slices.IndexFunc(all, func(r sink.Record) bool { return of(&r, buyer, "2") })
			second := slices.IndexFunc(all, func(r sink.Record) bool { return of(&r, buyer, "3") })
			all[first], all[second] = all[second], all[first]
			return all
		}, says: "change 2"},
		{name: "no JSON", topic: alter(func(r *sink.Record) bool { r.Value = []byte("{"); return true }), says: "reading a change"},
	}
}

// told runs the story as a replay.
func told(t *testing.T) *world {
	w := newWorld(t)
	w.feed(story()...)
	_, err := w.Producer.Produce(t.Context(), local.Purchases, theShard, []sink.Record{{Value: []byte(`{"id":"bad","type":"purchase"}`), Time: 1}})
	require.NoError(t, err)
	w.replay(at(t, "2025-08-01T00:00:00Z"))
	return w
}

func TestWhatIsPlantedInRedisIsFound(t *testing.T) {
	w := told(t)
	for _, isReplay := range []bool{true, false} {
		requireClean(t, w.verify(isReplay))
	}
	saved := w.save()
	w.rewind()
	requireClean(t, w.verify(false))
	w.restore(saved)
	for _, p := range plantedInRedis() {
		t.Run(p.name, func(t *testing.T) {
			w.t = t
			defer w.restore(saved)
			p.redis(w)
			for _, isReplay := range []bool{true, false} {
				requireFound(t, w.verify(isReplay), p.says)
			}
			if !p.gone {
				w.rewind()
				require.False(t, w.verify(false).Good())
			}
		})
	}
}

func TestWhatIsPlantedInTheChangesIsFound(t *testing.T) {
	for _, p := range plantedInTheTopic() {
		t.Run(p.name, func(t *testing.T) {
			w := told(t)
			all := w.published()
			all[theShard] = p.topic(all[theShard])
			require.NotEmpty(t, all[theShard])
			w.publish(all)
			for _, isReplay := range []bool{true, false} {
				o := w.options()
				o.Changes, o.Replay = doctored, isReplay
				report, err := verify.Run(t.Context(), o)
				require.NoError(t, err)
				requireFound(t, report, p.says)
			}
			w.rewind()
			o := w.options()
			o.Changes = doctored
			report, err := verify.Run(t.Context(), o)
			require.NoError(t, err)
			require.False(t, report.Good())
		})
	}
}

// A customer of whom a change is missing stands where the one before it led: that
// his deadline has still to come is no excuse.
func TestAChangeThatIsMissingAfterARollbackIsFound(t *testing.T) {
	w := newWorld(t)
	w.feed(story()...)
	w.replay(at(t, "2025-02-01T00:00:00Z"))
	buyer := neighbours(1)[0]
	all := w.published()
	all[theShard] = drop(func(_ int, r *sink.Record) bool {
		return string(r.Key) == buyer && bytes.Contains(r.Value, []byte(`"version":2,`))
	})(all[theShard])
	w.publish(all)
	w.edit(buyer, func(p *profile.Profile) {
		p.Segment, p.Since, p.Version = segment.Potential, at(t, "2025-01-01T10:00:00Z"), 1
	})
	w.rewind()
	o := w.options()
	o.Changes = doctored
	report, err := verify.Run(t.Context(), o)
	require.NoError(t, err)
	requireFound(t, report, `segment: "potential", expected "loyal"`)
}

// rewind makes the shard one that had adopted customers, so that what was
// published is no line any more.
func (w *world) rewind() { w.field("adopted", replaced("0", "1")) }

func TestARepeatedChangeIsNoDifference(t *testing.T) {
	w := told(t)
	all := w.published()
	all[theShard] = append(all[theShard], all[theShard][1:4]...)
	w.publish(all)
	for _, isReplay := range []bool{true, false} {
		o := w.options()
		o.Changes, o.Replay = doctored, isReplay
		report, err := verify.Run(t.Context(), o)
		require.NoError(t, err)
		requireClean(t, report)
		require.Equal(t, int64(3), report.Repeats)
	}
}

// requireFound wants at least one difference, one of which speaks of something.
func requireFound(t *testing.T, r *verify.Report, says string) {
	t.Helper()
	require.False(t, r.Good())
	require.Equal(t, int64(len(r.First)), r.Differences)
	text := ""
	for _, d := range r.First {
		text += fmt.Sprintf("%s %s: %s, expected %s\n", d.Customer, d.What, d.Found, d.Expected)
		require.NotEqual(t, d.Found, d.Expected)
	}
	require.Contains(t, text, says)
}

// snapshot is everything in Redis.
type snapshot struct {
	texts  map[string]string
	hashes map[string]map[string]string
	zsets  map[string][]redis.Z
}

func (w *world) save() snapshot {
	s := snapshot{map[string]string{}, map[string]map[string]string{}, map[string][]redis.Z{}}
	ctx := w.t.Context()
	for _, key := range w.redis.Keys(ctx, "*").Val() {
		switch kind := w.redis.Type(ctx, key).Val(); kind {
		case "string":
			s.texts[key] = w.redis.Get(ctx, key).Val()
		case "hash":
			s.hashes[key] = w.redis.HGetAll(ctx, key).Val()
		case "zset":
			s.zsets[key] = w.redis.ZRangeWithScores(ctx, key, 0, -1).Val()
		default:
			require.Fail(w.t, "unexpected type", "%s: %s", key, kind)
		}
	}
	return s
}

// restore makes Redis what it was.
func (w *world) restore(s snapshot) {
	ctx := w.t.Context()
	require.NoError(w.t, w.redis.FlushAll(ctx).Err())
	for key, text := range s.texts {
		require.NoError(w.t, w.redis.Set(ctx, key, text, 0).Err())
	}
	for key, fields := range s.hashes {
		require.NoError(w.t, w.redis.HSet(ctx, key, fields).Err())
	}
	for key, members := range s.zsets {
		require.NoError(w.t, w.redis.ZAdd(ctx, key, members...).Err())
	}
}
