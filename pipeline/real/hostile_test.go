//go:build real

package real_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
)

// The doses of one customer; the full ones take minutes.
var fullDose = flag.Bool("hostile.full", false, "one customer with 100,000 orders, 10,000 refunds of one order, 1,000,000 clicks")

const (
	longestCustomer = 256 // bytes
	longestID       = 128
)

// siege is a shard under attack, with a worker that goes on all the time.
type siege struct {
	*engine
	connection *pipeline.Connection
	pipeline   *pipeline.Pipeline
	rest       func() // drains the worker
	base       int64  // unix ms: when things happen
	witnesses  int
	heard      map[string]bool // customers of whom a change was published
	read       [local.Partitions]int64
}

func besiege(e *engine, log *zap.Logger) *siege {
	t := e.t
	s := &siege{engine: e, heard: map[string]bool{}, base: time.Now().Add(-10 * 24 * time.Hour).UnixMilli()}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	s.ctx, s.log.ctx = ctx, ctx
	if s.where.Namespace == "real" { // nobody chose another
		s.where.Namespace = unused("siege")
	}
	var err error
	s.connection, err = pipeline.Connect(s.where)
	require.NoError(t, err)
	config := s.config()
	config.WallClock, config.TimerGrace, config.Limits, config.Log = true, time.Second, pipeline.DefaultLimits(), log
	s.pipeline, err = pipeline.New(config, s.connection.Ports())
	require.NoError(t, err)
	members, err := pipeline.JoinGroup(pipeline.GroupConfig{ID: "tidemark-" + s.where.Namespace, Inputs: s.where.Inputs,
		Partitions: local.Partitions, Log: log}, s.connection.Client)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.pipeline.Serve(ctx, members) }()
	s.rest = sync.OnceFunc(func() {
		s.pipeline.Drain()
		require.NoError(t, <-served)
		members.Leave()
		require.NoError(t, s.connection.Close())
	})
	t.Cleanup(s.rest)
	return s
}

// home is a customer of a partition, with a name as long as names can be.
func (s *siege) home(number int32, name string) string {
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s-%d-", name, i)
		id += strings.Repeat("é", (longestCustomer-len(id))/2)
		if partition.Murmur2.Partition(id, local.Partitions) == number {
			return id
		}
	}
}

// write produces records to a partition of the purchases, many at once.
func (s *siege) write(number int32, count int, record func(i int) sink.Record) {
	var some []sink.Record
	for i := range count {
		if some = append(some, record(i)); len(some) == 1000 || i == count-1 {
			_, err := s.log.Append(local.Purchases, number, some)
			require.NoError(s.t, err)
			some = some[:0]
		}
	}
}

func (s *siege) event(customer string, i int, members string) sink.Record {
	at := s.base + int64(i)
	return sink.Record{Key: []byte(customer), Time: at, Value: fmt.Appendf(nil, `{"customer_id":"%s","occurred_at":"%s",%s}`, customer, instant.Format(at), members)}
}

// long is an id as long as ids can be.
func long(i int) string { return fmt.Sprintf("%0*d", longestID, i) }

// consumed waits until a shard has stored that it consumed everything there is.
func (s *siege) consumed(shard int32) {
	topic := s.log.names[local.Purchases]
	require.NoError(s.t, real.Await(s.ctx, 8*time.Minute, func(ctx context.Context) error {
		_, end, err := s.connection.Client.Bounds(ctx, topic, shard)
		if err != nil {
			return err
		}
		state, err := s.connection.Redis.Stored(ctx, shard)
		if err != nil {
			return err
		}
		if at := state.Topic(topic); at == nil || at.Next < end {
			return fmt.Errorf("shard %d has not come to %d: %+v", shard, end, at)
		}
		return nil
	}))
}

// others has somebody else buy in every partition but the ones left out, and
// waits until the world was told of all of them.
func (s *siege) others(but ...int32) {
	s.witnesses++
	wanted := map[string]bool{}
	for number := range int32(local.Partitions) {
		if slices.Contains(but, number) {
			continue
		}
		id := s.home(number, fmt.Sprintf("witness-%d", s.witnesses))
		wanted[id] = true
		s.write(number, 1, func(int) sink.Record {
			return s.event(id, 0, fmt.Sprintf(`"type":"purchase","id":"w-%d","amount":1`, s.witnesses))
		})
	}
	require.NoError(s.t, real.Await(s.ctx, 2*time.Minute, func(ctx context.Context) error {
		for number := range int32(local.Partitions) {
			s.hear(ctx, number)
		}
		for id := range wanted {
			if !s.heard[id] {
				return fmt.Errorf("no change of %q", id)
			}
		}
		return nil
	}))
}

// hear reads on in a partition of the changes.
func (s *siege) hear(ctx context.Context, number int32) {
	topic := s.log.names[local.Changes]
	_, end, err := s.connection.Client.Bounds(ctx, topic, number)
	require.NoError(s.t, err)
	require.NoError(s.t, s.connection.Client.Scan(ctx, topic, number, s.read[number], end, func(r *recordbatch.Record) error {
		head, err := change.Parse(r.Value)
		require.NoError(s.t, err)
		s.heard[head.Customer] = true
		return nil
	}))
	s.read[number] = end
}

// cpu is the time that this process has worked.
func cpu(t *testing.T) time.Duration {
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestOneCustomerOfManyEvents: however much one customer does, an event of his
// costs about the same at the end as at the beginning, his profile stays small
// where its limit says so, and the others of his shard hear of their segments.
func TestOneCustomerOfManyEvents(t *testing.T) {
	s := besiege(newEngine(t, sharedKafka(t), startRedis(t, "--maxmemory-policy", "noeviction").Addr()), zap.NewNop())
	const number = 3
	dose := func(full, small int) int {
		if *fullDose {
			return full
		}
		return small
	}
	for _, attack := range []struct {
		name    string
		count   int
		members func(i int) string
		most    int // bytes of his profile
	}{
		{"clicks", dose(1_000_000, 40_000), func(i int) string { return `"type":"click","id":"` + long(i) + `"` }, 1 << 10},
		{"orders", dose(100_000, 20_000), func(i int) string {
			return `"type":"purchase","amount":"92233720368547758.07","id":"` + long(i) + `","order_id":"` + long(i) + `"`
		}, policy.Default().MaxLedgerOrders * (longestID + 64)},
		{"refunds", 10_000, func(i int) string {
			return `"type":"refund","amount":"0.01","id":"` + long(i) + `","order_id":"` + long(0) + `"`
		}, 10_000 * 32},
	} {
		t.Run(attack.name, func(t *testing.T) {
			id := s.home(number, attack.name)
			quarter := attack.count / 4
			var spent [4]time.Duration
			for part := range spent {
				began := cpu(t)
				s.write(number, quarter, func(i int) sink.Record { return s.event(id, part*quarter+i, attack.members(part*quarter+i)) })
				s.others(number)
				s.consumed(number)
				spent[part] = (cpu(t) - began) / time.Duration(quarter)
			}
			s.others()
			size := len(s.profiles([]string{id})[0])
			t.Logf("CPU per event, by quarter: %v; his profile has %d bytes", spent, size)
			require.LessOrEqual(t, size, attack.most)
			require.Less(t, spent[3], 4*max(spent[0], spent[1])+20*time.Microsecond, "an event costs more the more there were")
		})
	}
	s.rest()
	s.verifies()
}

// rubbish counts what a shard rejected, by reason.
func (s *siege) rubbish(number int32) map[string]int64 {
	state, err := s.connection.Redis.Stored(s.ctx, number)
	require.NoError(s.t, err)
	counts := map[string]int64{}
	for _, reason := range event.Reasons {
		if n := state.Topic(s.log.names[local.Purchases]).Counts.Dead[reason]; n > 0 {
			counts[reason.String()] = n
		}
	}
	return counts
}

// dead visits the dead letters of a shard that came from an offset on.
func (s *siege) dead(number int32, visit func(*deadletter.Letter)) {
	records, _ := s.log.read(s.t, local.DeadLetters, number)
	for i := range records {
		letter, err := deadletter.Parse(&records[i])
		require.NoError(s.t, err)
		visit(&letter)
	}
}

// TestRubbishHoldsNobodyUp: whatever is written to a partition, on inputs as they
// should be, it is judged and kept, and the others of the same shard and of all
// other ones hear of their segments.
func TestRubbishHoldsNobodyUp(t *testing.T) {
	kafka := sharedKafka(t)
	e := newEngine(t, kafka, startRedis(t, "--maxmemory-policy", "noeviction").Addr())
	const limit = 2 << 20 // max.message.bytes
	l := openLog(t, kafka, map[string]int32{local.Purchases: local.Partitions, local.Clicks: local.Partitions},
		map[string]string{"message.timestamp.type": "LogAppendTime", "max.message.bytes": fmt.Sprint(limit)})
	for topic, name := range e.log.names {
		if l.names[topic] == "" {
			l.names[topic] = name
		}
	}
	e.where.Inputs = []string{l.names[local.Clicks], l.names[local.Purchases]}
	e.log.names = l.names
	client, err := source.Open(source.Config{Brokers: kafka.Brokers(), Topics: slices.Collect(maps.Values(l.names))})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	e.log.client, e.log.producer = client, sink.New(client)
	s := besiege(e, zap.NewNop())

	t.Run("a partition of only malformed records", func(t *testing.T) {
		const number, count = 5, 20_000
		s.write(number, count, func(i int) sink.Record { return sink.Record{Value: fmt.Appendf(nil, "{%d", i)} })
		s.others(number)
		s.consumed(number)
		require.Equal(t, map[string]int64{"malformed": count}, s.rubbish(number))
		next := int64(0)
		s.dead(number, func(l *deadletter.Letter) {
			require.Equal(t, next, l.Offset)
			require.Equal(t, fmt.Sprintf("{%d", next), string(l.Value))
			next++
		})
		require.EqualValues(t, count, next)
		s.others()
	})
	t.Run("keys", func(t *testing.T) {
		const number = 6
		id := s.home(number, "keyless")
		keys := [][]byte{nil, {}, []byte("another"), {0xff}, []byte(id)}
		s.write(number, len(keys), func(i int) sink.Record {
			r := s.event(id, i, fmt.Sprintf(`"type":"purchase","id":"k-%d","amount":1`, i))
			r.Key = keys[i]
			return r
		})
		s.consumed(number)
		require.Empty(t, s.rubbish(number), "the partition counts, not the key")
		p := profile.New()
		require.NoError(t, p.Decode([]byte(s.profiles([]string{id})[0])))
		require.Len(t, p.Orders, len(keys))
	})
	t.Run("clocks that are wrong by a year", func(t *testing.T) {
		const number, year = 7, 365 * 24 * time.Hour
		id := s.home(number, "clock")
		s.others()
		now := time.Now()
		for i, at := range []time.Time{now.Add(time.Minute), now.Add(year), now.Add(-year - time.Hour), now.Add(-year + time.Hour)} {
			s.write(number, 1, func(int) sink.Record {
				return sink.Record{Value: fmt.Appendf(nil, `{"customer_id":"%s","type":"click","id":"t-%d","occurred_at":"%s"}`, id, i, instant.Format(at.UnixMilli()))}
			})
		}
		s.consumed(number)
		require.Equal(t, map[string]int64{"future_dated": 1, "too_late": 1}, s.rubbish(number))
		state, err := s.connection.Redis.Stored(s.ctx, number)
		require.NoError(t, err)
		require.LessOrEqual(t, state.Clock, time.Now().UnixMilli(), "nobody moves time but the broker")
		s.others()
	})
	t.Run("records at the limits of size", func(t *testing.T) {
		const number = 8
		id := s.home(number, "large")
		properties := func(bytes int) sink.Record {
			r := s.event(id, 0, `"type":"click","id":"l","properties":"`)
			r.Value = append(append(r.Value[:len(r.Value)-1], strings.Repeat("p", bytes-len(r.Value)-1)...), `"}`...)
			require.Len(t, r.Value, bytes)
			return r
		}
		most := policy.Default().MaxEventBytes
		s.write(number, 1, func(int) sink.Record { return properties(most) })
		s.write(number, 1, func(int) sink.Record { return properties(most + 1) })
		largest := limit
		for ; ; largest-- { // a batch and its record take some bytes, too
			_, err := s.log.Append(local.Purchases, number, []sink.Record{{Value: bytes.Repeat([]byte{0xff}, largest)}})
			if err == nil {
				break
			}
			require.True(t, sink.TooLarge(err), "%v", err)
			require.Greater(t, largest, limit-200)
		}
		s.consumed(number)
		require.Equal(t, map[string]int64{"oversized": 2}, s.rubbish(number))
		var sizes []int
		s.dead(number, func(l *deadletter.Letter) { sizes = append(sizes, len(l.Value)) })
		require.Equal(t, []int{most + 1, largest}, sizes)
		s.others()
	})
	t.Run("batches that unpack to much", func(t *testing.T) {
		const number, size = 9, 48 << 20
		for _, codec := range []recordbatch.Codec{recordbatch.Gzip, recordbatch.LZ4, recordbatch.Zstd} {
			bomb := make([]byte, size)
			_, err := sink.New(client, sink.Compress(codec)).Produce(s.ctx, s.log.names[local.Purchases], number, []sink.Record{{Key: []byte("k"), Value: bomb}})
			require.NoError(t, err)
		}
		s.others(number)
		s.consumed(number)
		require.Equal(t, map[string]int64{"oversized": 3}, s.rubbish(number))
		s.dead(number, func(l *deadletter.Letter) {
			require.Len(t, l.Value, size)
			require.Empty(t, bytes.Trim(l.Value, "\x00"))
			require.Equal(t, "k", string(l.Key))
		})
		s.others()
	})
	s.rest()
	s.verifies()
}
