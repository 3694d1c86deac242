//go:build real

package real_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/shop"
)

// outcome is what a run left behind, by everything that must not depend on how
// it went.
type outcome struct {
	changes   []string          // each customer's in order, customers sorted
	letters   []string          // the rejected values, sorted, each once
	customers map[string]string // stored value by shard and id, but for when it is armed
	states    []store.State
}

// shopping is a shop's log with everything that a log of a shop has.
func shopping(t *testing.T, events int64) [][]byte {
	o := shop.Default()
	o.Customers, o.Events, o.Zipf = 2000, events, 0.5
	o.Duplicates, o.Disorder, o.Malformed = 0.05, 0.05, 0.005
	s, err := shop.New(o)
	require.NoError(t, err)
	var lines [][]byte
	for line, ok := s.Next(); ok; line, ok = s.Next() {
		lines = append(lines, slices.Clone(line.Value))
	}
	return lines
}

// undisturbed replays the log inside this process.
func undisturbed(t *testing.T, lines [][]byte) outcome {
	w, err := local.Start(local.Options{Namespace: "calm", Policy: policy.Default()})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	feed, err := w.Feed(policy.Default())
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, feed.Add(t.Context(), line))
	}
	require.NoError(t, feed.Flush(t.Context()))
	p, err := w.Pipeline(w.Replay())
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context()))

	var changes, letters []recordbatch.Record
	for i := range int32(local.Partitions) {
		require.NoError(t, w.Read(t.Context(), local.Changes, i, func(r recordbatch.Record) error { changes = append(changes, r); return nil }))
		require.NoError(t, w.Read(t.Context(), local.DeadLetters, i, func(r recordbatch.Record) error { letters = append(letters, r); return nil }))
	}
	o := outcome{changes: byCustomer(changes), letters: distinct(letters), customers: map[string]string{}}
	require.NoError(t, w.Customers(t.Context(), func(shard int32, id string, value []byte) error {
		o.customers[fmt.Sprintf("%d/%s", shard, id)] = unarmed(t, value)
		return nil
	}))
	o.states, err = w.States(t.Context())
	require.NoError(t, err)
	return o
}

// engine is a namespace on real servers.
type engine struct {
	t     *testing.T
	ctx   context.Context
	log   *log
	where pipeline.Servers
}

func newEngine(t *testing.T, kafka *real.Kafka, redis ...string) *engine {
	topics := map[string]int32{local.Purchases: local.Partitions, local.Clicks: local.Partitions,
		local.Changes: local.Partitions, local.DeadLetters: local.Partitions}
	l := openLog(t, kafka, topics, anyTime())
	return &engine{t: t, ctx: l.ctx, log: l, where: pipeline.Servers{Kafka: source.Config{Brokers: kafka.Brokers()}, Redis: store.Config{Addrs: redis}, Namespace: "real",
		Inputs: []string{l.names[local.Clicks], l.names[local.Purchases]}, Changes: l.names[local.Changes], DeadLetters: l.names[local.DeadLetters]}}
}

// feed writes the lines as a shop's producers would.
func (e *engine) feed(lines [][]byte) {
	router, err := local.NewRouter(policy.Default())
	require.NoError(e.t, err)
	type place struct {
		topic     string
		partition int32
	}
	pending := map[place][]sink.Record{}
	for _, line := range lines {
		topic, partition, record := router.Route(line)
		at := place{topic, partition}
		pending[at] = append(pending[at], record)
	}
	for at, records := range pending {
		for some := range slices.Chunk(records, 500) {
			_, err := e.log.Append(at.topic, at.partition, some)
			require.NoError(e.t, err)
		}
	}
}

// config makes many small batches, and little of it waits to be published: there
// is much to disturb until the end.
func (e *engine) config() pipeline.Config {
	limits := pipeline.DefaultLimits()
	limits.BatchCustomers, limits.BatchRecords, limits.StageRecords = 100, 150, 50
	limits.CacheBytes, limits.OutboxBytes, limits.PublishBytes = 64<<10, 16<<10, 8<<10
	return pipeline.Config{Namespace: e.where.Namespace, Inputs: e.where.Inputs, Changes: e.where.Changes, Partitions: local.Partitions,
		Policy: policy.Default(), Publish: pipeline.PublishAll, Until: instant.None, Limits: limits, Log: zap.NewNop(),
		Durable: e.where.Redis.Durability.Waits()}
}

// run is one life of a worker process: true if it came to the end of the log.
func (e *engine) run(troubles *troubles) bool {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	connection, err := pipeline.Connect(e.where)
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, connection.Close()) }()
	ports := connection.Ports()
	ports.Sink = &troubled{Sink: ports.Sink, troubles: troubles, leave: cancel}
	p, err := pipeline.New(e.config(), ports)
	require.NoError(e.t, err)
	if err := p.Run(ctx); err != nil {
		require.ErrorIs(e.t, err, context.Canceled)
		require.NoError(e.t, e.ctx.Err(), "it takes too long")
		return false
	}
	return true
}

// live runs one life after the other until the end of the log; all troubles must
// have come. It returns how many lives it took.
func (e *engine) live(troubles *troubles) (lives int) {
	for lives = 1; !e.run(troubles); lives++ {
	}
	require.NoError(e.t, troubles.err)
	require.Empty(e.t, troubles.coming, "the run was over before all troubles came")
	return lives
}

// outcome reads what is there, the customers that are asked for among it.
func (e *engine) outcome(customers map[string]string) outcome {
	o := outcome{customers: map[string]string{}, states: make([]store.State, local.Partitions)}
	var changes, letters []recordbatch.Record
	connection, err := pipeline.Connect(e.where)
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, connection.Close()) }()
	redis := connection.Redis
	for shard := range int32(local.Partitions) {
		some, _ := e.log.read(e.t, local.Changes, shard)
		changes = append(changes, some...)
		some, _ = e.log.read(e.t, local.DeadLetters, shard)
		letters = append(letters, some...)

		session, err := redis.Session(e.ctx, shard)
		require.NoError(e.t, err)
		o.states[shard], err = session.Head(e.ctx)
		require.NoError(e.t, err)
		for place := range customers {
			var of int32
			var id string
			_, err := fmt.Sscanf(place, "%d/%s", &of, &id)
			require.NoError(e.t, err)
			if of == shard {
				values, err := session.Load(e.ctx, []string{id})
				require.NoError(e.t, err)
				o.customers[place] = unarmed(e.t, values[0])
			}
		}
		require.NoError(e.t, session.Close())
	}
	o.changes, o.letters = byCustomer(changes), distinct(letters)
	return o
}

// unarmed is a stored value without the time of the customer's timer: that one is
// early or exact, by when it was last looked at.
func unarmed(t *testing.T, value []byte) string {
	require.NotEmpty(t, value)
	p := profile.New()
	require.NoError(t, p.Decode(value))
	p.Armed = instant.None
	return string(p.Append(nil))
}

// trouble comes when so many changes have been published.
type trouble struct {
	after int
	name  string
	kills bool // the worker
	do    func() error
}

// troubles come one after the other.
type troubles struct {
	mu        sync.Mutex
	over      *sync.Cond // is told that a trouble is over
	coming    []trouble
	published int
	busy      bool
	err       error
}

// spread gives the troubles their times, evenly over the changes that there are
// to come, and ends before them: what a killed worker wrote is not counted.
func spread(changes int, all ...trouble) *troubles {
	for i := range all {
		all[i].after = (i + 1) * changes / (len(all) + 4)
	}
	ts := &troubles{coming: all}
	ts.over = sync.NewCond(&ts.mu)
	return ts
}

// troubled is one life's sink, after whose writes troubles come.
type troubled struct {
	pipeline.Sink
	troubles *troubles
	leave    context.CancelFunc
	left     bool // a dead worker makes no more trouble
}

func (s *troubled) ProduceIf(ctx context.Context, topic string, partition int32, records []sink.Record, may func() bool) (int64, error) {
	base, err := s.Sink.ProduceIf(ctx, topic, partition, records, may)
	if err == nil {
		s.published(len(records))
	}
	return base, err
}

// published makes the trouble that is due. Other shards go on meanwhile, and run
// into it.
func (s *troubled) published(n int) {
	ts := s.troubles
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.published += n
	for ts.busy && len(ts.coming) > 0 && ts.published >= ts.coming[0].after {
		ts.over.Wait() // a long trouble must not leave the next ones behind
	}
	if ts.busy || s.left || len(ts.coming) == 0 || ts.published < ts.coming[0].after {
		return
	}
	next := ts.coming[0]
	ts.coming, ts.busy, s.left = ts.coming[1:], true, next.kills
	if next.kills {
		s.leave()
	}
	if next.do != nil {
		ts.mu.Unlock()
		err := next.do()
		ts.mu.Lock()
		if err != nil {
			ts.err = errors.Join(ts.err, fmt.Errorf("%s: %w", next.name, err))
		}
	}
	ts.busy = false
	ts.over.Broadcast()
}

// byCustomer returns the distinct changes of each customer in the order in which
// they arrived: between customers any order is right.
func byCustomer(records []recordbatch.Record) (out []string) {
	seen := map[string]bool{}
	of := map[string][]string{}
	for _, r := range records {
		if v := string(r.Value); !seen[v] {
			seen[v] = true
			of[string(r.Key)] = append(of[string(r.Key)], v)
		}
	}
	for _, customer := range slices.Sorted(maps.Keys(of)) {
		out = append(out, of[customer]...)
	}
	return out
}

func distinct(records []recordbatch.Record) []string {
	all := values(records)
	slices.Sort(all)
	return slices.Compact(all)
}

// requireSameChanges tells the first difference, not all of both.
func requireSameChanges(t *testing.T, want, got []string) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i], "change %d", i)
	}
	require.Len(t, got, len(want))
}

// requireSameRest compares the dead letters and the shards: what was consumed,
// and what became of it.
func requireSameRest(t *testing.T, want, got outcome) {
	t.Helper()
	require.True(t, slices.Equal(want.letters, got.letters), "%d dead letters, wanted %d", len(got.letters), len(want.letters))
	for shard := range want.states {
		w, g := &want.states[shard], &got.states[shard]
		require.Equal(t, w.Clock, g.Clock, "shard %d", shard)
		require.Equal(t, w.Sizes, g.Sizes, "shard %d", shard)
		require.Len(t, g.Topics, len(w.Topics))
		for i := range w.Topics {
			g.Topics[i].Name = w.Topics[i].Name // each test has its own
			require.Equal(t, w.Topics[i], g.Topics[i], "shard %d", shard)
		}
	}
}

// requireSameLedger compares a customer but for what was published of him.
func requireSameLedger(t *testing.T, place, want, got string) {
	t.Helper()
	w, g := profile.New(), profile.New()
	require.NoError(t, w.Decode([]byte(want)))
	require.NoError(t, g.Decode([]byte(got)))
	require.Equal(t, w.Segment, g.Segment, "customer %s", place)
	g.Since, g.Version = w.Since, w.Version
	require.Equal(t, want, string(g.Append(nil)), "customer %s", place)
}
