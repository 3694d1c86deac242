package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
)

// Troublemaker is an Opener whose store can be made to refuse writes.
type Troublemaker interface {
	Opener

	// Trouble has the store answer every write with an error that begins with
	// kind, until over is called; false if it cannot. "NOSCRIPT" stands for
	// scripts that are forgotten once.
	Trouble(t *testing.T, kind string) (over func(), ok bool)
}

// refusals are the kinds of trouble that pass, and leave everything as it was.
var refusals = []string{"OOM", "READONLY", "NOREPLICAS"}

func writesRefused(t *testing.T, s *storeSuite) {
	ctx := context.Background()
	o := s.owner(0, "a:0")
	o.commit("a:1", store.Commit{
		Customers: []store.Entry{{Customer: "stays", Value: []byte("1")}, {Customer: "goes", Value: []byte("1")}},
		Timers:    []store.Timer{{Customer: "stays", At: 1}},
		Outbox:    []byte("old"),
	})
	head := "a:1"
	for _, kind := range refusals {
		o = s.owner(0, kind+":0")
		over, ok := s.opener.(Troublemaker).Trouble(t, kind)
		if !ok {
			head = kind + ":0"
			continue
		}
		err := o.try(kind+":1", store.Commit{
			Customers: []store.Entry{{Customer: "stays", Value: []byte("2")}, {Customer: "goes"}, {Customer: "new", Value: []byte("2")}},
			Timers:    []store.Timer{{Customer: "stays", At: instant.None}, {Customer: "new", At: 2}},
			Outbox:    []byte("new"),
		})
		require.ErrorContains(t, err, kind)
		require.NotErrorIs(t, err, store.ErrFenced)
		_, err = o.Load(ctx, []string{"stays"})
		require.Error(t, err, "the session is over, whatever else the store would answer")

		reader := s.session(0)
		state, err := reader.Head(ctx)
		require.NoError(t, err, "reads are answered")
		require.Equal(t, kind+":0", state.Head)
		over()
		head = kind + ":0"
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
	_, ok := s.opener.(Troublemaker).Trouble(t, "NOSCRIPT")
	require.True(t, ok)
	o.commit("a:2", store.Commit{Customers: []store.Entry{{Customer: "c", Value: []byte("2")}}})
	require.Equal(t, [][]byte{[]byte("2")}, o.load("c"))
	_, ok = s.opener.(Troublemaker).Trouble(t, "NOSCRIPT")
	require.True(t, ok)
	s.owner(0, "b:0").commit("b:1", store.Commit{})
}
