package store_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/keys"
)

// Redis does not undo a script that fails half way, so a commit that cannot
// finish must not begin.
func TestNothingIsWrittenOfACommitThatCannotFinish(t *testing.T) {
	server := miniredis.RunT(t)
	session := commit(t, store.Config{Addrs: []string{server.Addr()}, Namespace: "shop", Topics: []string{"purchases"}})
	require.NoError(t, server.Set(keys.Of("shop", 0).Timers(), "somebody else's"))
	before := server.Dump()

	state := store.NewState([]string{"purchases"})
	state.Head = "one:1"
	err := session.Commit(t.Context(), &store.Commit{Head: "one", State: &state, Outbox: []byte("changes"),
		Customers: []store.Entry{{Customer: "c-1", Value: []byte("v")}}, Timers: []store.Timer{{Customer: "c-1", At: 7}}})
	require.ErrorContains(t, err, "the timers key is no sorted set")
	require.Equal(t, before, server.Dump())
}
