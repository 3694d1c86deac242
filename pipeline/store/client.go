package store

import "github.com/redis/go-redis/v9"

// Client is the client itself, for what looks at a namespace from outside. It
// repeats nothing by itself.
func (r *Redis) Client() redis.UniversalClient { return r.client }
