//go:build real

package real_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/preflight"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

// mishap is a record that is rejected, and what it should have been.
type mishap struct {
	reason    string
	customer  string
	topic     string // as the engine's log knows it
	partition int32
	record    sink.Record
	right     []byte // the value as it should have been
}

// mishaps are at least ten ways to be rejected for every reason there is. base,
// unix ms, is when the customers bought something else before.
func mishaps(base int64) (all []mishap) {
	const day = int64(24 * time.Hour / time.Millisecond)
	at := func(ms int64) string { return instant.Format(ms) }
	value := func(members ...string) string { return "{" + strings.Join(members, ",") + "}" }
	id, when := `"id":"e-%[1]s"`, `"occurred_at":"`+at(base+60_000)+`"`
	customer := `"customer_id":"%[1]s"`
	purchase, refund, click := `"type":"purchase"`, `"type":"refund","order_id":"o-%[1]s"`, `"type":"click"`
	bought := value(id, purchase, customer, when, `"amount":"12.34"`)
	refunded := value(id, refund, customer, when, `"amount":"1.00"`)
	clicked := value(id, click, customer, when)

	// Each of what follows is a wrong value and the right one; % stands for the customer.
	add := func(reason string, pairs ...[2]string) {
		for i, pair := range pairs {
			name := fmt.Sprintf("%s-%d", strings.ReplaceAll(reason, "_", "-"), i)
			m := mishap{reason: reason, customer: name, topic: []string{local.Purchases, local.Clicks}[i%2],
				partition: partition.Murmur2.Partition(name, local.Partitions),
				right:     []byte(strings.ReplaceAll(pair[1], "%[1]s", name))}
			m.record = sink.Record{Time: base + 61_000, Value: []byte(strings.ReplaceAll(pair[0], "%[1]s", name))}
			m.record.Key = [][]byte{nil, {}, []byte(name), []byte("of-another"), {0xff, 0x00}}[i%5]
			m.record.Headers = [][]sink.Header{
				nil,
				{{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}},
				{{Key: "", Value: nil}, {Key: "twice", Value: []byte{}}, {Key: "twice", Value: []byte{0, 0xff}}},
				{{Key: deadletter.HeaderReason, Value: []byte("none")}, {Key: deadletter.HeaderOffset, Value: []byte("-1")}},
			}[i%4]
			if reason == "malformed" && i == 0 {
				m.record.Value = nil
			}
			if reason == "misplaced" {
				m.partition = (m.partition + 1 + int32(i)%(local.Partitions-1)) % local.Partitions
			}
			all = append(all, m)
		}
	}
	same := func(wrong, right string) [2]string { return [2]string{wrong, right} }
	swap := func(right, old, wrong string) [2]string {
		if !strings.Contains(right, old) {
			panic(right + " lacks " + old)
		}
		return same(strings.Replace(right, old, wrong, 1), right)
	}

	const most = 1 << 20
	var large [][2]string
	for i := range 10 {
		filler := []string{" ", "\n", "x", "\x00", "é"}[i%5]
		large = append(large, same(bought+strings.Repeat(filler, most/len(filler)+i*5000), bought))
	}
	add("oversized", append(large, swap(clicked, "{", `{"properties":"`+strings.Repeat("y", most)+`",`))...)

	add("malformed", same("", bought), same("", clicked), same("null", bought), same("[]", refunded), same("{", bought), same("\xff\xfe", clicked),
		same("\ufeff"+bought, bought), swap(bought, "{", `{"id":"twice",`), swap(bought, "{", `{"x":"\ud800",`), same(bought+bought, bought),
		swap(clicked, "}", `,"p":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+"}"), swap(bought, `"`, `'`), swap(bought, `"12.34"`, "NaN"),
		swap(bought, `"12.34"`, "012"), same(bought[:len(bought)-1], bought), swap(bought, "{", `{"x":"`+"\x01"+`",`), same("\x00", bought))
	add("missing_field", swap(bought, id+",", ""), swap(bought, id, `"id":null`), swap(clicked, click+",", ""), swap(bought, purchase, `"type":null`),
		swap(bought, customer+",", ""), swap(clicked, customer, `"customer_id":null`), swap(bought, `,"amount":"12.34"`, ""), swap(bought, `"12.34"`, "null"),
		swap(refunded, `,"order_id":"o-%[1]s"`, ""), swap(refunded, `"o-%[1]s"`, "null"), same("{}", clicked))
	add("bad_value", swap(bought, id, `"id":""`), swap(bought, id, `"id":7`), swap(bought, `e-%[1]s`, strings.Repeat("i", 129)), swap(clicked, `"click"`, "[]"),
		swap(bought, `"%[1]s"`, "{}"), swap(bought, `"customer_id":"%[1]s"`, `"customer_id":"`+strings.Repeat("c", 257)+`"`), swap(bought, when, `"occurred_at":"soon"`),
		swap(clicked, when, `"occurred_at":1772359200`), swap(bought, when, `"occurred_at":"2026-02-29T00:00:00Z"`), swap(refunded, `"o-%[1]s"`, `""`),
		swap(bought, `"12.34"`, `"-0.01"`), swap(bought, `"12.34"`, "1e99999999"), swap(bought, `"12.34"`, `"1.005"`), swap(bought, `"12.34"`, `"12,34"`),
		swap(refunded, `"1.00"`, `{}`), swap(clicked, "}", `,"action":""}`))
	var types, currencies [][2]string
	for _, name := range []string{"Purchase", "PURCHASE", "order", "return", " purchase", "purchase ", `purchase\u0000`, "view", "покупка", "forgotten", strings.Repeat("t", 300)} {
		types = append(types, swap(bought, `"purchase"`, `"`+name+`"`))
	}
	for _, name := range []string{"eur", "USD", "XXX", "€", "EURO", "BTC", " EUR", "EUR ", "GBP", "usd", "E", `E\u0055`} {
		currencies = append(currencies, same(bought[:len(bought)-1]+`,"currency":"`+name+`"}`, bought))
	}
	add("unknown_type", types...)
	add("unknown_currency", currencies...)
	var elsewhere, ahead, behind [][2]string
	for i, by := range []int64{3600_001 + 1000, 2 * 3600_000, day, 30 * day, 365 * day, 10 * 365 * day, 100 * 365 * day, 1000 * 365 * day, 7000 * 365 * day, 3600_001 + 1001} {
		elsewhere = append(elsewhere, [][2]string{same(bought, bought), same(refunded, refunded), same(clicked, clicked)}[i%3])
		ahead = append(ahead, swap(bought, when, `"occurred_at":"`+at(base+61_000-1000+by)+`"`))
	}
	for _, early := range []string{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.001Z", "1999-12-31T23:59:59Z", "2000-02-29T00:00:00Z", at(base - 365*day), at(base - 366*day),
		at(base - 400*day), at(base - 1000*day), at(base - 3650*day), at(base - 365*day - 1), "1980-01-01T00:00:00+14:00"} {
		behind = append(behind, swap(bought, when, `"occurred_at":"`+early+`"`))
	}
	add("misplaced", elsewhere...)
	add("future_dated", ahead...)
	add("too_late", behind...)
	return all
}

// earlier is a purchase of the customer before his mishap, in the same topic.
func (m *mishap) earlier(base int64) sink.Record {
	return sink.Record{Key: []byte(m.customer), Time: base + 1000, Value: fmt.Appendf(nil,
		`{"id":"first-%s","type":"purchase","customer_id":"%[1]s","order_id":"o-%[1]s","occurred_at":"%[2]s","amount":5}`, m.customer, instant.Format(base))}
}

// catchUp is a worker's life until everything in the inputs is consumed and
// published, by the wall clock.
func (e *engine) catchUp() {
	connection, err := pipeline.Connect(e.where)
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, connection.Close()) }()
	found, err := preflight.Check(e.ctx, connection, preflight.Config{Servers: e.where, Policy: policy.Default(), Durability: "none"})
	require.NoError(e.t, err)
	config := e.config()
	config.WallClock, config.TimerGrace, config.Partitions = true, time.Second, found.Partitions
	p, err := pipeline.New(config, connection.Ports())
	require.NoError(e.t, err)
	members, err := pipeline.JoinGroup(pipeline.GroupConfig{ID: "tidemark-" + e.where.Namespace, Inputs: e.where.Inputs,
		Partitions: found.Partitions, Log: zap.NewNop()}, connection.Client)
	require.NoError(e.t, err)
	defer members.Leave()
	served := make(chan error, 1)
	go func() { served <- p.Serve(e.ctx, members) }()
	err = real.Await(e.ctx, time.Minute, func(ctx context.Context) error {
		for shard := range found.Partitions {
			state, err := connection.Redis.Stored(ctx, shard)
			if err != nil {
				return err
			}
			for i := range state.Topics {
				_, end, err := connection.Client.Bounds(ctx, state.Topics[i].Name, shard)
				if err != nil {
					return err
				}
				if next := state.Topics[i].Next; next < end {
					return fmt.Errorf("shard %d is at %d of %d of %s", shard, next, end, state.Topics[i].Name)
				}
			}
		}
		return nil
	})
	p.Drain()
	require.NoError(e.t, errors.Join(err, <-served))
}

// profiles are the stored values of customers, but for when they are armed.
func (e *engine) profiles(customers []string) (all []string) {
	connection, err := pipeline.Connect(e.where)
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, connection.Close()) }()
	for _, id := range customers {
		session, err := connection.Redis.Session(e.ctx, partition.Murmur2.Partition(id, local.Partitions))
		require.NoError(e.t, err)
		values, err := session.Load(e.ctx, []string{id})
		require.NoError(e.t, err)
		require.NoError(e.t, session.Close())
		all = append(all, unarmed(e.t, values[0]))
	}
	return all
}

func (e *engine) verifies() {
	report, err := verify.Run(e.ctx, verify.Options{Kafka: e.where.Kafka, Redis: e.where.Redis, Namespace: e.where.Namespace,
		Inputs: e.where.Inputs, Changes: e.where.Changes, Policy: policy.Default()})
	require.NoError(e.t, err)
	require.True(e.t, report.Good(), "%+v", report.First)
}

// TestRejectedRecordsComeBackRepaired: whatever is wrong with a record, it is kept
// byte for byte with the reason; mended and sent again it leaves the state that it
// would have left at first.
func TestRejectedRecordsComeBackRepaired(t *testing.T) {
	kafka, redis := sharedKafka(t), startRedis(t, "--maxmemory-policy", "noeviction")
	base := time.Now().Add(-10*24*time.Hour).Truncate(time.Hour).UnixMilli() + 123
	all := mishaps(base)
	counts := map[string]int{}
	var customers []string
	wrong, right := newEngine(t, kafka, redis.Addr()), newEngine(t, kafka, redis.Addr())
	wrong.where.Namespace, right.where.Namespace = unused("wrong"), unused("right")
	write := func(e *engine, topic string, number int32, r sink.Record) int64 {
		offset, err := e.log.Append(topic, number, []sink.Record{r})
		require.NoError(t, err)
		return offset
	}
	offsets := make([]int64, len(all))
	for i := range all {
		m := &all[i]
		counts[m.reason]++
		customers = append(customers, m.customer)
		home := partition.Murmur2.Partition(m.customer, local.Partitions)
		for _, e := range []*engine{wrong, right} {
			write(e, m.topic, home, m.earlier(base))
		}
		mended := m.record
		mended.Value = m.right
		write(right, m.topic, home, mended)
		offsets[i] = write(wrong, m.topic, m.partition, m.record)
	}
	require.Len(t, counts, 9, "every reason there is")
	for reason, n := range counts {
		require.GreaterOrEqual(t, n, 10, reason)
	}
	wrong.catchUp()
	right.catchUp()
	letters, _ := right.log.read(t, local.DeadLetters, 0)
	require.Empty(t, letters)

	found := wrong.letters(all, offsets)
	require.Len(t, found, len(all))
	var lines strings.Builder
	for i, l := range found {
		m := &all[i]
		l.letter.Value = m.right
		require.NoError(t, l.letter.PrintJSON(&lines, l.place))
	}
	retry := &deadletter.Retry{Source: wrong.log.client, Log: wrong.log.producer, Topic: wrong.where.DeadLetters, Inputs: wrong.where.Inputs,
		Policy: policy.Default(), Filter: deadletter.Filter{Since: instant.None, Until: instant.None}, Repaired: strings.NewReader(lines.String())}
	done, err := retry.Run(wrong.ctx)
	require.NoError(t, err)
	require.Equal(t, counts, done.Sent)
	wrong.catchUp()
	require.Len(t, wrong.letters(all, offsets), len(all), "nothing came back")
	want, got := right.profiles(customers), wrong.profiles(customers)
	for i := range customers {
		requireSameLedger(t, customers[i], want[i], got[i])
	}
	right.verifies()
	wrong.verifies()
}

// kept is a dead letter and where it lies.
type kept struct {
	place  deadletter.Place
	letter deadletter.Letter
}

// letters returns the dead letter of each mishap, which lies at its offset, and
// holds it to what was rejected.
func (e *engine) letters(all []mishap, offsets []int64) []kept {
	type origin struct {
		topic     string
		partition int32
		offset    int64
	}
	mishaps := map[origin]int{}
	for i := range all {
		mishaps[origin{e.log.names[all[i].topic], all[i].partition, offsets[i]}] = i
	}
	found := make([]kept, len(all))
	seen := 0
	for number := range int32(local.Partitions) {
		records, _ := e.log.read(e.t, local.DeadLetters, number)
		for i := range records {
			l, err := deadletter.Parse(&records[i])
			require.NoError(e.t, err)
			at, known := mishaps[origin{l.Topic, l.Partition, l.Offset}]
			require.True(e.t, known, "a dead letter of nothing bad: %+v", l)
			require.Empty(e.t, found[at].letter.Topic, "a second dead letter of %s", all[at].customer)
			found[at] = kept{deadletter.Place{Partition: number, Offset: records[i].Offset}, l}
			seen++
			requireSameRecord(e.t, &all[at], &records[i])
		}
	}
	require.Equal(e.t, len(all), seen)
	return found
}

// requireSameRecord: the key, the value and the headers as they came, and behind
// them the five of the rejection.
func requireSameRecord(t *testing.T, m *mishap, letter *recordbatch.Record) {
	require.Equal(t, m.record.Key, letter.Key, m.customer)
	require.True(t, bytes.Equal(m.record.Value, letter.Value), "the value of %s", m.customer)
	require.Equal(t, m.record.Value == nil, letter.Value == nil, m.customer)
	headers := letter.AppendHeaders(nil)
	own := len(m.record.Headers)
	require.Len(t, headers, own+5, m.customer)
	for i, h := range m.record.Headers {
		require.Equal(t, h, headers[i], m.customer)
	}
	require.Equal(t, deadletter.HeaderReason+" "+m.reason, headers[own].Key+" "+string(headers[own].Value), m.customer)
	for i, name := range []string{deadletter.HeaderTopic, deadletter.HeaderPartition, deadletter.HeaderOffset, deadletter.HeaderRejectedAt} {
		require.Equal(t, name, headers[own+1+i].Key)
	}
}
