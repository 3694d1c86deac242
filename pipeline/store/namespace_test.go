package store

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

func openMini(t *testing.T) (*miniredis.Miniredis, *Redis) {
	server := miniredis.RunT(t)
	r := Open(Config{Addrs: []string{server.Addr()}, Namespace: "shop", Topics: []string{"purchases"}})
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return server, r
}

func TestTheFirstClaimStays(t *testing.T) {
	server, r := openMini(t)
	n, err := r.Namespace(t.Context())
	require.NoError(t, err)
	require.Equal(t, Namespace{}, n)

	first := Namespace{Policy: "a", Document: "x=1\n", Partitions: 12}
	n, err = r.Claim(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, first, n)
	n, err = r.Claim(t.Context(), Namespace{Policy: "b", Document: "x=2\n", Partitions: 13})
	require.NoError(t, err)
	require.Equal(t, first, n, "whoever comes later is told of the first")
	n, err = r.Namespace(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, n)

	server.FlushAll()
	replay := Namespace{Policy: "a", Document: "x=1\n", Partitions: 12, Replay: Replay{Inputs: "clicks,purchases", Changes: "trial"}}
	n, err = r.Claim(t.Context(), replay)
	require.NoError(t, err)
	require.Equal(t, replay, n)
	n, err = r.Claim(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, replay, n)

	server.HSet("tm:shop:namespace", "partitions", "many")
	_, err = r.Namespace(t.Context())
	require.ErrorIs(t, err, ErrUnreadable)
	_, err = r.Claim(t.Context(), first)
	require.ErrorIs(t, err, ErrUnreadable)
}

func TestStoredTakesNothingOver(t *testing.T) {
	server, r := openMini(t)
	state, err := r.Stored(t.Context(), 3)
	require.NoError(t, err)
	require.Empty(t, state.Head)
	require.Zero(t, state.Topic("purchases").Next)

	server.HSet("tm:shop:{3}:shard", "head", "x:7", "next:purchases", "42")
	state, err = r.Stored(t.Context(), 3)
	require.NoError(t, err)
	require.Equal(t, "x:7", state.Head)
	require.EqualValues(t, 42, state.Topic("purchases").Next)
	require.Equal(t, "x:7", server.HGet("tm:shop:{3}:shard", "head"))
}

func TestWhatAServerSaysOfItself(t *testing.T) {
	server, r := openMini(t)
	all, err := r.Servers(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Server{{Addr: server.Addr()}}, all, "this one says next to nothing")

	s := parseServer("r:1", "# Server\r\nredis_version:7.2.4\r\n\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n"+
		"# Persistence\r\naof_enabled:1\r\n# Stats\r\nevicted_keys:3\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n")
	require.Equal(t, Server{Addr: "r:1", Version: "7.2.4", Eviction: "noeviction", Evicted: "3", AppendOnly: "1", Role: "master", Replicas: 2}, s)
	for eviction, evicts := range map[string]bool{"": false, "noeviction": false, "allkeys-lru": true, "volatile-ttl": true} {
		s.Eviction = eviction
		require.Equal(t, evicts, s.Evicts(), eviction)
	}
	for version, at := range map[string]bool{"7.2.4": true, "7.2": true, "8.0.1": true, "10.0.0": true, "7.1.9": false, "6.9.9": false, "": false, "next": false, "7": false} {
		s.Version = version
		require.Equal(t, at, s.AtLeast(7, 2), version)
	}
}
