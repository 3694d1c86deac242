package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// StoreTopics are the input topics that every session of the suite is opened
// for.
var StoreTopics = []string{"clicks", "purchases"}

// Opener opens sessions of one store, all of them on the same data. A namespace
// begins empty; the suite uses each of its namespaces in one test only.
type Opener interface {
	Session(t *testing.T, namespace string, shard int32) store.Session
}

// Store holds an implementation of store.Session against what a shard relies
// on. open is called once a test and gets a store to itself, or a shared one:
// the tests' namespaces differ.
func Store(t *testing.T, open func(t *testing.T) Opener) {
	type storeCase struct {
		name string
		test func(t *testing.T, s *storeSuite)
	}
	cases := []storeCase{
		{"head of nothing", headOfNothing},
		{"take-over", takeOver},
		{"take-over keeps the rest", takeOverKeepsTheRest},
		{"commit is all or nothing", commitAllOrNothing},
		{"load", load},
		{"deletes", deletes},
		{"due timers", dueTimers},
		{"timers move", timersMove},
		{"outbox keeps its bytes", outboxBytes},
		{"state round trip", stateRoundTrip},
		{"odd customers", oddCustomers},
		{"fenced by a take-over", fencedByTakeOver},
		{"errors are sticky", errorsAreSticky},
		{"closed sessions", closedSessions},
		{"shards apart", shardsApart},
		{"four thousand customers", fourThousand},
	}
	if _, ok := open(t).(Troublemaker); ok {
		cases = append(cases, storeCase{"commands refused", commandsRefused}, storeCase{"scripts forgotten", scriptsForgotten})
	}
	if _, ok := open(t).(Replicated); ok {
		cases = append(cases, storeCase{"tail lost by a fail-over", tailLost})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			namespace := "conformance-" + fmt.Sprintf("%x", c.name)
			c.test(t, &storeSuite{t: t, opener: open(t), namespace: namespace})
		})
	}
}

// storeSuite is one test's view of a store.
type storeSuite struct {
	t         *testing.T
	opener    Opener
	namespace string
}

func (s *storeSuite) session(shard int32) store.Session {
	session := s.opener.Session(s.t, s.namespace, shard)
	s.t.Cleanup(func() { _ = session.Close() })
	return session
}

// owner is a session that has taken its shard over.
type owner struct {
	store.Session
	t     *testing.T
	state store.State
}

func (s *storeSuite) owner(shard int32, fresh string) *owner {
	session := s.session(shard)
	state, err := session.Head(context.Background())
	require.NoError(s.t, err)
	state, _, err = session.TakeOver(context.Background(), state.Head, fresh)
	require.NoError(s.t, err)
	require.Equal(s.t, fresh, state.Head)
	return &owner{Session: session, t: s.t, state: state}
}

// commit applies a batch on top of the last one; next is its head.
func (o *owner) commit(next string, c store.Commit) {
	require.NoError(o.t, o.try(next, c))
	o.state.Head = next
}

func (o *owner) try(next string, c store.Commit) error {
	c.Head = o.state.Head
	state := o.state.Clone()
	state.Head = next
	c.State = &state
	return o.Commit(context.Background(), &c)
}

func (o *owner) load(customers ...string) [][]byte {
	values, err := o.Load(context.Background(), customers)
	require.NoError(o.t, err)
	return values
}

func (o *owner) due(from int64, limit int) []store.Timer {
	timers, err := o.Due(context.Background(), from, limit)
	require.NoError(o.t, err)
	return timers
}

func headOfNothing(t *testing.T, s *storeSuite) {
	state, err := s.session(0).Head(context.Background())
	require.NoError(t, err)
	require.Equal(t, store.NewState(StoreTopics), state)
}

func takeOver(t *testing.T, s *storeSuite) {
	ctx := context.Background()
	first := s.session(0)
	state, outbox, err := first.TakeOver(ctx, "", "a:0")
	require.NoError(t, err)
	require.Equal(t, "a:0", state.Head)
	require.Empty(t, outbox)

	for _, wrong := range []string{"", "b:0", "a:00", "a:"} {
		_, _, err = s.session(0).TakeOver(ctx, wrong, "c:0")
		require.ErrorIs(t, err, store.ErrFenced, "expecting %q", wrong)
	}
	state, err = s.session(0).Head(ctx)
	require.NoError(t, err)
	require.Equal(t, "a:0", state.Head, "a refused take-over must change nothing")
	_, _, err = s.session(1).TakeOver(ctx, "a:0", "c:0")
	require.ErrorIs(t, err, store.ErrFenced, "the head that was read is gone: the store has lost everything")

	state, _, err = s.session(0).TakeOver(ctx, "a:0", "d:0")
	require.NoError(t, err)
	require.Equal(t, "d:0", state.Head)
}

func takeOverKeepsTheRest(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	o.state.Clock = 77
	o.state.Topic("clicks").Next = 5
	o.commit("a:1", store.Commit{
		Customers: []store.Entry{{Customer: "c", Value: []byte("v")}},
		Timers:    []store.Timer{{Customer: "c", At: 9}},
		Outbox:    []byte("unsent"),
	})

	heir := s.session(0)
	state, outbox, err := heir.TakeOver(context.Background(), "a:1", "b:0")
	require.NoError(t, err)
	want := o.state.Clone()
	want.Head = "b:0"
	require.Equal(t, want, state)
	require.Equal(t, []byte("unsent"), outbox)
	values, err := heir.Load(context.Background(), []string{"c"})
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("v")}, values)
	timers, err := heir.Due(context.Background(), instant.None, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Timer{{Customer: "c", At: 9}}, timers)
}

func commitAllOrNothing(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{
		Customers: []store.Entry{{Customer: "stays", Value: []byte("1")}},
		Timers:    []store.Timer{{Customer: "stays", At: 1}},
		Outbox:    []byte("old"),
	})

	wrong := s.session(0)
	state := o.state.Clone()
	state.Head, state.Clock = "x:9", 1234
	err := wrong.Commit(context.Background(), &store.Commit{
		Head:      "a:0",
		State:     &state,
		Customers: []store.Entry{{Customer: "stays"}, {Customer: "new", Value: []byte("2")}},
		Timers:    []store.Timer{{Customer: "stays", At: instant.None}, {Customer: "new", At: 2}},
		Outbox:    []byte("new"),
	})
	require.ErrorIs(t, err, store.ErrFenced)

	heir := s.session(0)
	got, outbox, err := heir.TakeOver(context.Background(), "a:1", "b:0")
	require.NoError(t, err)
	require.Equal(t, o.state.Clock, got.Clock)
	require.Equal(t, []byte("old"), outbox)
	values, err := heir.Load(context.Background(), []string{"stays", "new"})
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("1"), nil}, values)
	timers, err := heir.Due(context.Background(), instant.None, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Timer{{Customer: "stays", At: 1}}, timers)
}

func load(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{Customers: []store.Entry{
		{Customer: "b", Value: []byte("B")}, {Customer: "a", Value: []byte("A")}, {Customer: "empty", Value: []byte{}},
	}})
	require.Empty(t, o.load())
	values := o.load("a", "nobody", "b", "a")
	require.Equal(t, [][]byte{[]byte("A"), nil, []byte("B"), []byte("A")}, values)
	values = o.load("empty")
	require.NotNil(t, values[0], "an empty value is not an unknown customer")
	require.Empty(t, values[0])
}

func deletes(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{Customers: []store.Entry{
		{Customer: "a", Value: []byte("1")}, {Customer: "b", Value: []byte("1")},
	}})
	o.commit("a:2", store.Commit{Customers: []store.Entry{
		{Customer: "a"}, {Customer: "never was"}, {Customer: "b", Value: []byte("2")},
	}})
	require.Equal(t, [][]byte{nil, []byte("2"), nil}, o.load("a", "b", "never was"))
}

func dueTimers(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	require.Empty(t, o.due(instant.None, 10))
	o.commit("a:1", store.Commit{Timers: []store.Timer{
		{Customer: "late", At: 253402300799999}, {Customer: "b", At: 10}, {Customer: "a", At: 10},
		{Customer: "early", At: -5}, {Customer: "zero", At: 0}, {Customer: "middle", At: 11},
	}})
	all := []store.Timer{
		{Customer: "early", At: -5}, {Customer: "zero", At: 0}, {Customer: "a", At: 10}, {Customer: "b", At: 10},
		{Customer: "middle", At: 11}, {Customer: "late", At: 253402300799999},
	}
	require.Equal(t, all, o.due(instant.None, 10))
	require.Equal(t, all[:3], o.due(instant.None, 3))
	require.Equal(t, all[2:], o.due(10, 10), "a timer at from itself is among them")
	require.Equal(t, all[4:5], o.due(11, 1))
	require.Equal(t, all[5:], o.due(253402300799999, 10))
	require.Empty(t, o.due(253402300800000, 10))
}

func timersMove(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{Timers: []store.Timer{{Customer: "a", At: 1}, {Customer: "b", At: 2}, {Customer: "c", At: 3}}})
	o.commit("a:2", store.Commit{Timers: []store.Timer{
		{Customer: "a", At: 4}, {Customer: "b", At: instant.None}, {Customer: "nobody", At: instant.None},
	}})
	require.Equal(t, []store.Timer{{Customer: "c", At: 3}, {Customer: "a", At: 4}}, o.due(instant.None, 10))
	o.commit("a:3", store.Commit{})
	require.Len(t, o.due(instant.None, 10), 2, "a commit without timers leaves them alone")
}

func outboxBytes(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	every := make([]byte, 0, 600)
	for i := range 256 {
		every = append(every, byte(i), '\r')
	}
	for i, want := range [][]byte{every, {0}, []byte("\n"), bytes.Repeat([]byte{0xff}, 300_000), {}} {
		next := fmt.Sprintf("a:%d", i+1)
		o.commit(next, store.Commit{Outbox: want})
		heir := s.session(0)
		_, got, err := heir.TakeOver(context.Background(), next, next)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "outbox %d: %d bytes became %d", i, len(want), len(got))
	}
}

func stateRoundTrip(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	full := fullState()
	o.state = full.Clone()
	o.state.Head = "a:0"
	o.commit("a:1", store.Commit{})
	want := full.Clone()
	want.Head = "a:1"
	got, err := s.session(0).Head(context.Background())
	require.NoError(t, err)
	require.Equal(t, want, got)

	// What is absent again must not stay behind.
	o.state = store.NewState(StoreTopics)
	o.state.Head = "a:1"
	o.commit("a:2", store.Commit{})
	want = store.NewState(StoreTopics)
	want.Head = "a:2"
	got, err = s.session(0).Head(context.Background())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// fullState has every field set to something that an absent one is not.
func fullState() store.State {
	ended := int64(-12)
	s := store.NewState(StoreTopics)
	s.Policy, s.Partitions, s.Clock, s.Pub = "3b1f0c9a27de", 12, 1772359200000, 1<<40
	s.Changes, s.Dropped, s.Adopted = 3, 4, math.MaxInt64
	s.Adopt = &store.Adopt{Offsets: map[string]int64{"clicks": 7, "purchases": 0}, Clock: 5}
	s.Start = &store.Start{Publish: "snapshot", Ends: map[string]int64{"clicks": 1, "purchases": 2}, Ended: &ended}
	for seg := segment.Segment(1); int(seg) < segment.Count; seg++ {
		s.Sizes[seg] = int64(seg) * 1000
	}
	for i := range s.Topics {
		t := &s.Topics[i]
		t.Next, t.Last, t.Checksum, t.Greatest = 100+int64(i), 99+int64(i), math.MaxUint64-uint64(i), -3
		t.Counts = store.Counts{Consumed: 100, Applied: 60, Erased: 1, BelowFloor: 2, Stale: 3}
		for reason := event.Reason(1); int(reason) < event.Count; reason++ {
			t.Counts.Dead[reason] = int64(reason)
		}
	}
	return s
}

func oddCustomers(t *testing.T, s *storeSuite) {
	odd := []string{"\x00", "\xff\xfe", "a b", "a\nb", "a\r\nb", "{0}", "}{", "*", "?", "[a]", ":", "c:", "'\"\\",
		string(bytes.Repeat([]byte{0x80}, 256)), "\u2028", "head", "timers", "outbox"}
	o := s.owner(0, "a:0")
	var c store.Commit
	for i, id := range odd {
		c.Customers = append(c.Customers, store.Entry{Customer: id, Value: []byte(id)})
		c.Timers = append(c.Timers, store.Timer{Customer: id, At: int64(i)})
	}
	o.commit("a:1", c)
	for i, value := range o.load(odd...) {
		require.Equal(t, odd[i], string(value))
	}
	require.Equal(t, c.Timers, o.due(0, len(odd)+1))
	for i := range c.Customers {
		c.Customers[i].Value, c.Timers[i].At = nil, instant.None
	}
	o.commit("a:2", c)
	require.Empty(t, o.due(instant.None, 100))
	for i, value := range o.load(odd...) {
		require.Nil(t, value, "customer %q", odd[i])
	}
}

func fencedByTakeOver(t *testing.T, s *storeSuite) {
	old := s.owner(0, "a:0")
	old.commit("a:1", store.Commit{Customers: []store.Entry{{Customer: "c", Value: []byte("old")}}})
	heir := s.owner(0, "b:0")
	err := old.try("a:2", store.Commit{Customers: []store.Entry{{Customer: "c", Value: []byte("zombie")}}})
	require.ErrorIs(t, err, store.ErrFenced)
	require.Equal(t, "old", string(heir.load("c")[0]))
	heir.commit("b:1", store.Commit{Customers: []store.Entry{{Customer: "c", Value: []byte("new")}}})
	require.Equal(t, "new", string(heir.load("c")[0]))
}

func errorsAreSticky(t *testing.T, s *storeSuite) {
	ctx := context.Background()
	old := s.owner(0, "a:0")
	heir := s.owner(0, "b:0")
	require.ErrorIs(t, old.try("a:1", store.Commit{}), store.ErrFenced)

	// Even with the right head: the session's owner has lost its memory.
	state := heir.state.Clone()
	state.Head = "b:1"
	require.Error(t, old.Commit(ctx, &store.Commit{Head: "b:0", State: &state}))
	_, err := old.Head(ctx)
	require.Error(t, err)
	_, _, err = old.TakeOver(ctx, "b:0", "c:0")
	require.Error(t, err)
	_, err = old.Load(ctx, []string{"c"})
	require.Error(t, err)
	_, err = old.Due(ctx, 0, 1)
	require.Error(t, err)
	require.Error(t, old.Wait(ctx))
	heir.commit("b:1", store.Commit{})

	refused := s.session(0)
	_, _, err = refused.TakeOver(ctx, "nonsense", "d:0")
	require.ErrorIs(t, err, store.ErrFenced)
	_, err = refused.Head(ctx)
	require.Error(t, err, "a refused take-over ends the session, too")
}

func closedSessions(t *testing.T, s *storeSuite) {
	ctx := context.Background()
	o := s.owner(0, "a:0")
	require.NoError(t, o.Wait(ctx))
	require.NoError(t, o.Close())
	_, err := o.Head(ctx)
	require.Error(t, err)
	require.False(t, errors.Is(err, store.ErrFenced), "nobody fenced it: %v", err)
	require.Error(t, o.try("a:1", store.Commit{}))
}

func shardsApart(t *testing.T, s *storeSuite) {
	zero, one, eleven := s.owner(0, "a:0"), s.owner(1, "b:0"), s.owner(11, "c:0")
	for i, o := range []*owner{zero, one, eleven} {
		id := []byte{byte('0' + i)}
		o.commit(o.state.Head+"+", store.Commit{
			Customers: []store.Entry{{Customer: "c", Value: id}},
			Timers:    []store.Timer{{Customer: "c", At: int64(i)}},
			Outbox:    id,
		})
	}
	for i, o := range []*owner{zero, one, eleven} {
		require.Equal(t, string(rune('0'+i)), string(o.load("c")[0]))
		require.Equal(t, []store.Timer{{Customer: "c", At: int64(i)}}, o.due(instant.None, 5))
	}
}

func fourThousand(t *testing.T, s *storeSuite) {
	const n = 4000
	o := s.owner(0, "a:0")
	var c store.Commit
	var ids []string
	for i := range n {
		id := fmt.Sprintf("customer-%05d", i)
		ids = append(ids, id)
		c.Customers = append(c.Customers, store.Entry{Customer: id, Value: bytes.Repeat([]byte{byte(i)}, 96)})
		c.Timers = append(c.Timers, store.Timer{Customer: id, At: int64(i)})
	}
	o.commit("a:1", c)
	require.Equal(t, c.Timers, o.due(instant.None, n+1))
	for i, value := range o.load(ids...) {
		require.True(t, bytes.Equal(c.Customers[i].Value, value), "customer %d", i)
	}

	// Half of them go, half change, in one commit.
	kept := slices.Clone(c.Timers[:0])
	for i := range n {
		if i%2 == 0 {
			c.Customers[i].Value, c.Timers[i].At = nil, instant.None
			continue
		}
		c.Customers[i].Value, c.Timers[i].At = []byte("x"), int64(n+i)
		kept = append(kept, c.Timers[i])
	}
	o.commit("a:2", c)
	require.Equal(t, kept, o.due(instant.None, n+1))
	for i, value := range o.load(ids...) {
		if i%2 == 0 {
			require.Nil(t, value, "customer %d", i)
		} else {
			require.Equal(t, "x", string(value), "customer %d", i)
		}
	}
}
