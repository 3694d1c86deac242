package store

import (
	"context"
	"fmt"
	"time"
)

// Durability is what a commit has to survive before anything of it is published.
// The zero value asks for nothing.
type Durability struct {
	Replicas int  // how many have it
	Fsync    bool // it is on the master's disk; Redis 7.2
}

// Waits says whether there is anything to wait for.
func (d Durability) Waits() bool { return d.Fsync || d.Replicas > 0 }

// Wait asks on the session's own connection: Redis answers for the writes of the
// connection that asks, and it is the node of the shard.
func (s *session) Wait(ctx context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	switch {
	case s.durability.Fsync:
		return s.end("waiting for Redis's disk", s.fsynced(ctx))
	case s.durability.Replicas > 0:
		return s.end("waiting for Redis's replicas", s.replicated(ctx))
	}
	return nil
}

func (s *session) replicated(ctx context.Context) error {
	patience := s.patience(ctx)
	n, err := s.conn.Wait(ctx, s.durability.Replicas, patience).Result()
	if err != nil {
		return err
	}
	if int(n) < s.durability.Replicas {
		return fmt.Errorf("%d of %d replicas have the commit after %v: see that they are linked to the master, or lower redis.durability", n, s.durability.Replicas, patience)
	}
	return nil
}

func (s *session) fsynced(ctx context.Context) error {
	patience := s.patience(ctx)
	reply, err := s.conn.WaitAOF(ctx, 1, 0, patience).Result()
	switch {
	case err != nil:
		return fmt.Errorf("%w (redis.durability: fsync needs Redis 7.2 with appendonly yes)", err)
	case len(reply) == 0 || reply[0] < 1:
		return fmt.Errorf("the commit is not on disk after %v: set appendfsync to everysec or always, or see to the disk", patience)
	}
	return nil
}

// patience is how long Redis is asked to wait: an answer has to come before the
// command counts as lost.
func (s *session) patience(ctx context.Context) time.Duration {
	wait := s.timeout / 2
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	return max(wait, time.Millisecond) // 0 would be for ever
}
