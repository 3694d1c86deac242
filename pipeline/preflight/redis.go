package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pipeline/store"
)

// servers looks at Redis. What a server does not tell is a note: a managed one
// may be as it should be all the same, and one that died may be listed for a
// while.
func (k *check) servers(ctx context.Context) error {
	servers, err := k.Redis.Servers(ctx)
	var unreachable *net.OpError
	if errors.As(err, &unreachable) {
		return fmt.Errorf("%w; see that it runs, and that redis.addrs names it", err)
	}
	if err != nil {
		return err
	}
	for i := range servers {
		if err := servers[i].Err; err != nil {
			k.silent(err)
			continue
		}
		k.version(&servers[i])
		k.eviction(&servers[i])
		k.durability(&servers[i])
	}
	return nil
}

func (k *check) version(s *store.Server) {
	switch {
	case s.Version == "":
		k.note(fmt.Sprintf("Redis at %s does not tell its version: make sure that it is 6.2 or later", s.Addr))
	case !s.AtLeast(6, 2):
		k.refuse("redis-version", fmt.Sprintf("Redis at %s is version %s, but 6.2 is needed", s.Addr, s.Version), "upgrade it")
	}
}

func (k *check) eviction(s *store.Server) {
	switch {
	case s.Eviction == "":
		k.note(fmt.Sprintf("Redis at %s does not tell its eviction policy: make sure that maxmemory-policy is noeviction", s.Addr))
	case s.Evicts():
		k.refuse("redis-evicts", fmt.Sprintf("Redis at %s has maxmemory-policy %s: with its memory full it would forget customers in silence", s.Addr, s.Eviction),
			"set maxmemory-policy noeviction; if the memory was full before, delete the namespace and begin again")
	}
}

// durability looks at what redis.durability needs of a server.
func (k *check) durability(s *store.Server) {
	if count, ok := strings.CutPrefix(k.config.Durability, "replicas:"); ok {
		if n, err := strconv.Atoi(count); err == nil && s.Role == "master" && s.Replicas < n {
			k.note(fmt.Sprintf("redis.durability is %s, but Redis at %s has %d replicas now: nothing is published until there are %d",
				k.config.Durability, s.Addr, s.Replicas, n))
		}
		return
	}
	if k.config.Durability != "fsync" {
		return
	}
	if s.Version != "" && !s.AtLeast(7, 2) {
		k.refuse("redis-durability", fmt.Sprintf("redis.durability is fsync, but Redis at %s is version %s, which cannot be asked to wait for its disk", s.Addr, s.Version),
			"upgrade it to 7.2 or later, or choose none or replicas:n")
	}
	if s.AppendOnly == "0" {
		k.refuse("redis-durability", fmt.Sprintf("redis.durability is fsync, but Redis at %s keeps no append-only file", s.Addr),
			"set appendonly yes, or choose none or replicas:n")
	}
}
