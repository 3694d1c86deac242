package worker

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/store"
)

// evictionInterval is how often Redis is asked: soon enough that little can be
// lost before somebody knows, and nothing beside the commits.
const evictionInterval = 5 * time.Second

// servers tell of themselves. *store.Redis asks them.
type servers interface {
	Servers(ctx context.Context) ([]store.Server, error)
}

// eviction notices that a Redis was told to forget what it has no room for while
// the worker runs. A start refuses that. A worker that runs goes on, since it
// would not save a key by stopping, but says so until it is mended.
type eviction struct {
	redis servers
	log   *zap.Logger
	found atomic.Pointer[pipeline.Stop] // who may forget now; nil where nobody does
}

// look asks once. What cannot be asked is as it was: whoever commits says that
// Redis is away.
func (e *eviction) look(ctx context.Context) {
	all, err := e.redis.Servers(ctx)
	if err != nil {
		return
	}
	var found *pipeline.Stop
	told := e.found.Load()
	for i := range all {
		switch s := &all[i]; {
		case s.Evicts():
			found = &pipeline.Stop{Code: "redis-evicts",
				Reason: fmt.Sprintf("Redis at %s has maxmemory-policy %s since this worker started: with its memory full it forgets customers in silence; keys that it has forgotten so far: %s", s.Addr, s.Eviction, cmp.Or(s.Evicted, "not told")),
				Remedy: "set maxmemory-policy noeviction; `tidemark verify` tells whether something was lost"}
		case s.Err != nil && found == nil:
			found = told
		}
	}
	e.found.Store(found)
	switch {
	case found != nil && told == nil:
		e.log.Error(found.Error())
	case found == nil && told != nil:
		e.log.Warn("Redis forgets no customers any more; if keys were evicted meanwhile, let `tidemark verify` tell whether something was lost")
	}
}
