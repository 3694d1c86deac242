package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
)

// Troublemaker is an Opener whose store can be made to refuse what it is asked.
type Troublemaker interface {
	Opener

	// Trouble has the store answer about a shard with errors that begin with kind,
	// until over is called; false if it cannot. "NOSCRIPT" stands for scripts that
	// are forgotten once.
	Trouble(t *testing.T, kind, namespace string, shard int32) (over func(), ok bool)
}

// troubles pass, and leave everything as it was.
var troubles = []struct {
	kind  string
	reads bool // a new session's are answered meanwhile
	cuts  bool // who was connected before is not told why
}{
	{"OOM", true, false},
	{"READONLY", true, false},
	{"NOREPLICAS", true, false},
	{"MOVED", true, false},
	{"BUSY", false, false},
	{"LOADING", false, true},
}

func (s *storeSuite) trouble(kind string) (over func(), ok bool) {
	return s.opener.(Troublemaker).Trouble(s.t, kind, s.namespace, 0)
}

// Whatever a store answers in place of OK, it has done nothing of what it was
// asked, and says so to nobody else's harm: who asks is not fenced.
func commandsRefused(t *testing.T, s *storeSuite) {
	ctx := context.Background()
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{
		Customers: []store.Entry{{Customer: "stays", Value: []byte("1")}, {Customer: "goes", Value: []byte("1")}},
		Timers:    []store.Timer{{Customer: "stays", At: 1}},
		Outbox:    []byte("old"),
	})
	head := "a:1"
	for _, trouble := range troubles {
		kind := trouble.kind
		o = s.owner(0, kind+":0")
		head = kind + ":0"
		over, ok := s.trouble(kind)
		if !ok {
			continue
		}
		err := o.try(kind+":1", store.Commit{
			Customers: []store.Entry{{Customer: "stays", Value: []byte("2")}, {Customer: "goes"}, {Customer: "new", Value: []byte("2")}},
			Timers:    []store.Timer{{Customer: "stays", At: instant.None}, {Customer: "new", At: 2}},
			Outbox:    []byte("new"),
		})
		require.Error(t, err, kind)
		require.NotErrorIs(t, err, store.ErrFenced)
		if !trouble.cuts {
			require.ErrorContains(t, err, kind)
		}
		_, err = o.Load(ctx, []string{"stays"})
		require.Error(t, err, "the session is over, whatever else the store would answer")

		state, err := s.session(0).Head(ctx)
		if trouble.reads {
			require.NoError(t, err, kind)
			require.Equal(t, head, state.Head)
		} else {
			require.ErrorContains(t, err, kind)
			_, _, err = s.session(0).TakeOver(ctx, head, "c:0")
			require.ErrorContains(t, err, kind)
			require.NotErrorIs(t, err, store.ErrFenced)
		}
		over()
	}

	heir := s.session(0)
	_, outbox, err := heir.TakeOver(ctx, head, "b:0")
	require.NoError(t, err)
	require.Equal(t, []byte("old"), outbox)
	values, err := heir.Load(ctx, []string{"stays", "goes", "new"})
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("1"), []byte("1"), nil}, values)
	timers, err := heir.Due(ctx, instant.None, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Timer{{Customer: "stays", At: 1}}, timers)
}

// A server that lost its scripts is sent them again; nobody notices.
func scriptsForgotten(t *testing.T, s *storeSuite) {
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{Customers: []store.Entry{{Customer: "c", Value: []byte("1")}}})
	_, ok := s.trouble("NOSCRIPT")
	require.True(t, ok)
	o.commit("a:2", store.Commit{Customers: []store.Entry{{Customer: "c", Value: []byte("2")}}})
	require.Equal(t, [][]byte{[]byte("2")}, o.load("c"))
	_, ok = s.trouble("NOSCRIPT")
	require.True(t, ok)
	s.owner(0, "b:0").commit("b:1", store.Commit{})
}

// Replicated is an Opener whose store has a replica.
type Replicated interface {
	Opener

	// Lag keeps a replica, which has all until now, from hearing of what comes.
	// promote makes it what sessions are opened of from then on. Who has a session
	// of the old master may go on there.
	Lag(t *testing.T) (promote func())
}

// A fail-over takes back the commits that the replica has not heard of: each of
// them whole, and nothing else.
func tailLost(t *testing.T, s *storeSuite) {
	ctx := context.Background()
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{
		Customers: []store.Entry{{Customer: "c", Value: []byte("1")}, {Customer: "goes", Value: []byte("1")}},
		Timers:    []store.Timer{{Customer: "c", At: 1}},
		Outbox:    []byte("old"),
	})
	promote := s.opener.(Replicated).Lag(t)
	o.commit("a:2", store.Commit{
		Customers: []store.Entry{{Customer: "c", Value: []byte("2")}, {Customer: "goes"}, {Customer: "new", Value: []byte("2")}},
		Timers:    []store.Timer{{Customer: "c", At: instant.None}, {Customer: "new", At: 2}},
		Outbox:    []byte("new"),
	})
	promote()

	_, _, err := s.session(0).TakeOver(ctx, "a:2", "b:0")
	require.ErrorIs(t, err, store.ErrFenced, "the replica has never heard of that head")
	heir := s.session(0)
	state, err := heir.Head(ctx)
	require.NoError(t, err)
	require.Equal(t, "a:1", state.Head)
	state, outbox, err := heir.TakeOver(ctx, "a:1", "b:0")
	require.NoError(t, err)
	require.Equal(t, []byte("old"), outbox)
	values, err := heir.Load(ctx, []string{"c", "goes", "new"})
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("1"), []byte("1"), nil}, values)
	timers, err := heir.Due(ctx, instant.None, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Timer{{Customer: "c", At: 1}}, timers)

	// Two masters, each with an owner: what the old one is told nobody else reads.
	require.NoError(t, o.try("a:3", store.Commit{Customers: []store.Entry{{Customer: "c", Value: []byte("3")}}}))
	next := &owner{Session: heir, t: t, state: state}
	next.commit("b:1", store.Commit{})
	require.Equal(t, [][]byte{[]byte("1")}, next.load("c"))
}
