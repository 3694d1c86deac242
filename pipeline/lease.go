package pipeline

import (
	"context"
	"sync"
	"time"
)

// lease is how long the group's last answer is good for. A worker that was
// stopped, or cut off from the group's coordinator, may have lost its shards
// without knowing. Redis refuses its commits then, unless it is another Redis, as
// in a fail-over: its own head is still there. So before the world is told of
// anything the group must have confirmed, lately, that nobody else can.
//
// A commit of offsets is such an answer: it keeps the membership alive for the
// session time-out, from when it arrived. The lease is shorter, as what is
// written at its end has to land before the next owner reads what was told.
type lease struct {
	length time.Duration
	now    func() time.Time

	mu    sync.Mutex
	asked time.Time // when the last answer was asked for
}

// leaseOf is the part of a session that a lease lasts. Offsets are committed more
// often than that by themselves (commitInterval).
func leaseOf(session time.Duration) time.Duration { return session * 2 / 3 }

// confirm asks the group, and notes its answer.
func (l *lease) confirm(ask func() error) error {
	asked := l.now()
	err := ask()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked = asked
	}
	return err
}

// holds reports that the last answer is still good. Both clocks count: the
// monotonic one stands still while a machine sleeps, the other one may step back.
func (l *lease) holds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	return !l.asked.IsZero() && now.Sub(l.asked) < l.length && now.Round(0).Sub(l.asked.Round(0)) < l.length
}

// publish sends changes, if nobody else can have become their shard's owner. That
// is asked again when they leave: a worker that was stopped meanwhile sends nothing.
func (d *driver) publish(ctx context.Context, op *Op) error {
	if !d.group.Holds() {
		if err := d.confirm(ctx); err != nil {
			return err
		}
	}
	base, err := d.ports.Sink.ProduceIf(ctx, d.changes, d.config.Shard, op.Records, d.group.Holds)
	op.Base = base
	return err
}
