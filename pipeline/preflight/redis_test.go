package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/store"
)

func TestWhatIsAskedOfRedis(t *testing.T) {
	good := store.Server{Addr: "r:1", Version: "7.2.4", Eviction: "noeviction", AppendOnly: "1", Role: "master", Replicas: 1}
	for _, c := range []struct {
		name, durability string
		edit             func(*store.Server)
		code, note       string
	}{
		{name: "good", durability: "fsync"},
		{name: "evicts", edit: func(s *store.Server) { s.Eviction = "allkeys-lru" }, code: "redis-evicts"},
		{name: "eviction unknown", edit: func(s *store.Server) { s.Eviction = "" }, note: "does not tell its eviction policy"},
		{name: "old", edit: func(s *store.Server) { s.Version = "6.0.16" }, code: "redis-version"},
		{name: "old enough", edit: func(s *store.Server) { s.Version = "6.2.0" }},
		{name: "version unknown", durability: "fsync", edit: func(s *store.Server) { s.Version = "" }, note: "does not tell its version"},
		{name: "too old for fsync", durability: "fsync", edit: func(s *store.Server) { s.Version = "7.0.15" }, code: "redis-durability"},
		{name: "no file to sync", durability: "fsync", edit: func(s *store.Server) { s.AppendOnly = "0" }, code: "redis-durability"},
		{name: "file unknown", durability: "fsync", edit: func(s *store.Server) { s.AppendOnly = "" }},
		{name: "too few replicas", durability: "replicas:2", note: "nothing is published until there are 2"},
		{name: "enough replicas", durability: "replicas:1"},
		{name: "a replica has none", durability: "replicas:2", edit: func(s *store.Server) { s.Role, s.Replicas = "slave", 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := good
			if c.edit != nil {
				c.edit(&server)
			}
			k := &check{config: Config{Durability: c.durability}}
			k.version(&server)
			k.eviction(&server)
			k.durability(&server)
			if c.code == "" {
				require.Empty(t, k.refused)
			} else {
				require.Len(t, k.refused, 1)
				require.Equal(t, c.code, k.refused[0].Code)
				require.Contains(t, k.refused[0].Reason, "r:1")
			}
			if c.note == "" {
				require.Empty(t, k.notes)
			} else {
				require.Len(t, k.notes, 1)
				require.Contains(t, k.notes[0], c.note)
			}
		})
	}
}
