package store_test

import (
	"context"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
)

// commit takes a shard over and stores nothing but its head.
func commit(t *testing.T, config store.Config) store.Session {
	r := store.Open(config)
	t.Cleanup(func() { _ = r.Close() })
	session, err := r.Session(t.Context(), 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	_, _, err = session.TakeOver(t.Context(), "", "one")
	require.NoError(t, err)
	return session
}

func TestWhatIsNotDurableIsAnError(t *testing.T) {
	for says, durability := range map[string]store.Durability{
		"0 of 2 replicas have the commit":               {Replicas: 2},
		"waiting for Redis's disk: ERR unknown command": {Fsync: true},
	} {
		require.True(t, durability.Waits())
		server := miniredis.RunT(t) // has neither replicas nor a disk
		session := commit(t, store.Config{Addrs: []string{server.Addr()}, Namespace: "shop", Durability: durability})
		require.ErrorContains(t, session.Wait(t.Context()), says)
		_, err := session.Head(t.Context())
		require.ErrorContains(t, err, says, "the session is over")
	}
	require.False(t, store.Durability{}.Waits())
	session := commit(t, store.Config{Addrs: []string{miniredis.RunT(t).Addr()}, Namespace: "shop"})
	require.NoError(t, session.Wait(t.Context()))
}

func TestUsers(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireUserAuth("tidemark", "never-to-be-shown")
	config := store.Config{Addrs: []string{server.Addr()}, Username: "tidemark", Password: "never-to-be-shown", Namespace: "shop"}
	commit(t, config)
	for says, change := range map[string]func(*store.Config){
		"check redis.username and redis.password": func(c *store.Config) { c.Password = "never-to-be-shown-either" },
		"give redis.password":                     func(c *store.Config) { c.Username, c.Password = "", "" },
	} {
		for _, mode := range []store.Mode{store.ModeAuto, store.ModeStandalone} {
			unknown := config
			unknown.Mode = mode
			change(&unknown)
			r := store.Open(unknown)
			_, err := r.Time(t.Context())
			require.ErrorContains(t, err, says)
			require.NotContains(t, err.Error(), "never-to-be-shown")
			require.NoError(t, r.Close())
		}
	}
}

func TestWhatTheAddressesAre(t *testing.T) {
	one, two := miniredis.RunT(t), miniredis.RunT(t)
	r := store.Open(store.Config{Addrs: []string{one.Addr(), two.Addr()}})
	_, err := r.Session(t.Context(), 0)
	require.ErrorContains(t, err, one.Addr()+" is no node of a cluster: give one address")
	require.NoError(t, r.Close())

	r = store.Open(store.Config{Addrs: []string{one.Addr()}})
	one.SetError("LOADING Redis is loading the dataset in memory")
	_, err = r.Client(t.Context())
	require.ErrorContains(t, err, "connecting to Redis: asking "+one.Addr()+" what it is: LOADING")
	one.SetError("")
	client, err := r.Client(t.Context())
	require.NoError(t, err, "it asks again")
	again, err := r.Client(t.Context())
	require.NoError(t, err)
	require.Same(t, client, again)
	node, err := r.Node(t.Context(), 7)
	require.NoError(t, err)
	require.Same(t, client, node)

	require.NoError(t, r.Close())
	_, err = r.Client(t.Context())
	require.ErrorIs(t, err, redis.ErrClosed)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = store.Open(store.Config{Addrs: []string{one.Addr()}}).Client(ended)
	require.ErrorIs(t, err, context.Canceled)
}
