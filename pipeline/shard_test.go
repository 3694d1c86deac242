package pipeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// bench answers a shard's I/O at once from memory: the simplest world there is.
// What goes wrong in worse ones is the simulator's matter.
type bench struct {
	shard     *Shard
	inputs    []string
	logs      map[string][]byte // raw batches
	ends      map[string]int64
	state     store.State
	customers map[string][]byte
	timers    map[string]int64
	outbox    []byte
	sent      []sink.Record
	letters   int
	ops       map[OpKind]int
	clock     Clock
	keep      bool // keep what is published
	unkept    int64

	starts       map[string]int64
	places       map[string]place
	piece        int32 // bytes of the log that answer for a record
	changesStart int64
}

func newBench(t testing.TB, edit func(*ShardConfig)) *bench {
	b := &bench{inputs: []string{"clicks", "purchases"}, logs: map[string][]byte{}, ends: map[string]int64{},
		customers: map[string][]byte{}, timers: map[string]int64{}, ops: map[OpKind]int{}, keep: true, starts: map[string]int64{}, places: map[string]place{}, piece: 1 << 20}
	b.state = store.NewState(b.inputs)
	tokens := 0
	cfg := ShardConfig{Partitions: 1, Inputs: b.inputs, Changes: "changes", Source: "tidemark/test",
		Policy: policy.Default(), Publish: PublishAll, Until: instant.None, Limits: DefaultLimits(),
		Token: func() string { tokens++; return strconv.Itoa(tokens) }, Jitter: func() float64 { return 0 }}
	if edit != nil {
		edit(&cfg)
	}
	shard, err := NewShard(cfg)
	require.NoError(t, err)
	b.shard = shard
	return b
}

// append writes events to an input, as one batch.
func (b *bench) append(t testing.TB, topic string, at int64, values ...string) {
	var builder recordbatch.Builder
	builder.Start(b.logs[topic], recordbatch.Options{BaseOffset: b.ends[topic]})
	for _, v := range values {
		builder.Add(at, nil, []byte(v), nil)
	}
	raw, err := builder.Finish()
	require.NoError(t, err)
	b.logs[topic] = raw
	b.ends[topic] += int64(len(values))
}

// run lets the shard go until it has nothing to do.
func (b *bench) run() {
	fed := map[string]int64{}
	for {
		for op := b.shard.Next(b.clock); op != nil; op = b.shard.Next(b.clock) {
			b.serve(op)
			b.shard.Done(op, b.clock)
		}
		tail, behind := b.shard.Wants(nil, nil)
		fetched := false
		for _, p := range append(tail, behind...) {
			if last, ok := fed[p.Topic]; ok && last == p.Offset && p.Offset >= b.ends[p.Topic] {
				continue
			}
			fed[p.Topic] = p.Offset
			fetched = true
			b.shard.Fetched(source.Fetched{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset,
				Raw: b.from(p), HighWatermark: b.ends[p.Topic], LastStable: b.ends[p.Topic]}, b.clock.Tick, b.clock)
		}
		if !fetched {
			return
		}
	}
}

// place remembers where in a log a batch begins.
type place struct {
	offset int64
	byte   int
}

// from cuts the log at whole batches.
func (b *bench) from(p source.Position) []byte {
	log, at := b.logs[p.Topic], b.places[p.Topic]
	if p.Offset < at.offset {
		at = place{}
	}
	for at.byte < len(log) {
		end := recordbatch.End(log[at.byte:at.byte+size(log[at.byte:])], 0)
		if end > p.Offset {
			break
		}
		at = place{offset: end, byte: at.byte + size(log[at.byte:])}
	}
	b.places[p.Topic] = at
	raw := log[at.byte:]
	n := 0
	for n < len(raw) && (n == 0 || n+size(raw[n:]) <= int(p.MaxBytes)) {
		n += size(raw[n:])
	}
	return raw[:min(len(raw), max(n, int(p.MaxBytes)))] // cut anywhere in the last one, as a broker does
}

func size(raw []byte) int {
	return 12 + (int(raw[8])<<24 | int(raw[9])<<16 | int(raw[10])<<8 | int(raw[11]))
}

func (b *bench) serve(op *Op) {
	b.ops[op.Kind]++
	switch op.Kind {
	case OpHead:
		op.State = b.state.Clone()
	case OpTake:
		b.state.Head = op.Fresh
		op.State, op.Outbox = b.state.Clone(), b.outbox
	case OpBounds:
		op.Bounds = map[string]Bounds{changesTopic: {Start: b.changesStart, End: int64(len(b.sent))}}
		for _, topic := range b.inputs {
			op.Bounds[topic] = Bounds{Start: b.starts[topic], End: b.ends[topic]}
		}
	case OpRecord:
		op.Fetched.Raw = b.from(source.Position{Topic: op.Topic, Offset: op.Offset, MaxBytes: b.piece})
		op.Fetched.HighWatermark, op.Fetched.LastStable = b.ends[op.Topic], b.ends[op.Topic]
	case OpChanges:
		op.Fetched.Raw = b.told(op.Offset)
	case OpLoad:
		op.Values = make([][]byte, len(op.Customers))
		for i, id := range op.Customers {
			op.Values[i] = b.customers[id]
		}
	case OpDue:
		for id, at := range b.timers {
			if at >= op.From {
				op.Timers = append(op.Timers, store.Timer{Customer: id, At: at})
			}
		}
		sortTimers(op.Timers)
		op.Timers = op.Timers[:min(op.Limit, len(op.Timers))]
	case OpBury:
		b.letters += len(op.Letters)
	case OpCommit:
		b.commit(op.Commit)
	case OpPublish:
		op.Base = b.unkept + int64(len(b.sent))
		if b.keep {
			b.sent = append(b.sent, op.Records...)
		} else {
			b.unkept += int64(len(op.Records))
		}
	}
}

// told is the changes topic from an offset on, as one batch.
func (b *bench) told(offset int64) []byte {
	var builder recordbatch.Builder
	builder.Start(nil, recordbatch.Options{BaseOffset: offset})
	for _, r := range b.sent[offset:] {
		builder.Add(r.Time, r.Key, r.Value, r.Headers)
	}
	raw, err := builder.Finish()
	if err != nil {
		panic(err)
	}
	return raw
}

func (b *bench) commit(c *store.Commit) {
	b.state, b.outbox = *c.State, c.Outbox
	for _, e := range c.Customers {
		if e.Value == nil {
			delete(b.customers, e.Customer)
		} else {
			b.customers[e.Customer] = e.Value
		}
	}
	for _, t := range c.Timers {
		if t.At == instant.None {
			delete(b.timers, t.Customer)
		} else {
			b.timers[t.Customer] = t.At
		}
	}
}

// sortTimers orders as Redis does: by time, then by the customer's bytes.
func sortTimers(timers []store.Timer) {
	slices.SortFunc(timers, func(a, b store.Timer) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Customer, b.Customer))
	})
}

func decodeJSON(t testing.TB, raw []byte, into any) {
	require.NoError(t, json.Unmarshal(raw, into))
}

func ms(t testing.TB, s string) int64 {
	v, ok := instant.Parse(s)
	require.True(t, ok, s)
	return v
}

func purchase(id, customer, at, amount string) string {
	return fmt.Sprintf(`{"id":%q,"type":"purchase","customer_id":%q,"occurred_at":%q,"amount":%q}`, id, customer, at, amount)
}

func TestAPurchaseBecomesAChangeAndTimeTheNextOnes(t *testing.T) {
	b := newBench(t, func(c *ShardConfig) { c.Until = ms(t, "2027-01-01T00:00:00Z") })
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e1", "c-1", "2026-01-01T10:00:00Z", "12.50"))
	b.run()
	require.Nil(t, b.shard.Stopped())
	require.True(t, b.shard.Finished())
	var got []string
	for _, r := range b.sent {
		head, err := change.Parse(r.Value)
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%s %d %s>%s %s", head.Customer, head.Version, head.From, head.To, instant.Format(head.EffectiveAt)))
	}
	require.Equal(t, []string{
		"c-1 1 >potential 2026-01-01T10:00:00.000Z",
		"c-1 2 potential>edge 2026-04-01T10:00:00.000Z",
		"c-1 3 edge>churned 2026-06-30T10:00:00.000Z",
	}, got)
	require.Empty(t, b.outbox)
	require.Empty(t, b.timers)
	require.EqualValues(t, 3, b.state.Pub)
	require.EqualValues(t, 1, b.state.Sizes[4])
	at, err := parsePosition([]byte(string(b.sent[0].Headers[7].Value)))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"clicks": 0, "purchases": 1}, at.offsets)
}

func TestABadRecordIsBuriedBeforeItsOffsetIsStored(t *testing.T) {
	b := newBench(t, nil)
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), `{"id":`, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.run()
	require.Equal(t, 1, b.letters)
	require.EqualValues(t, 2, b.state.Topics[1].Next)
	require.EqualValues(t, 2, b.state.Topics[1].Counts.Consumed)
	require.EqualValues(t, 1, b.state.Topics[1].Counts.Rejected())
	require.True(t, b.shard.Finished())
}
