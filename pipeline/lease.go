package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/planted"
)

// Lease is how long the group's last answer is good for. A worker that was
// stopped, or cut off from the group's coordinator, may have lost its shards
// without knowing. Redis refuses its commits then, unless it is another Redis, as
// in a fail-over: its own head is still there. So before the world is told of
// anything the group must have confirmed, lately, that nobody else can.
//
// A commit of offsets is such an answer: it keeps the membership alive for the
// session time-out, from when it arrived. The lease is shorter, as what is
// written at its end has to land before the next owner reads what was told.
type Lease struct {
	length time.Duration
	now    func() time.Time

	mu    sync.Mutex
	asked time.Time // when the last answer was asked for
	ended bool
}

// NewLease is the lease of a member whose session lasts so long without a sign of
// life. Nothing is confirmed yet.
func NewLease(session time.Duration, now func() time.Time) *Lease {
	return &Lease{length: leaseOf(session), now: now}
}

// leaseOf is the part of a session that a lease lasts. Offsets are committed more
// often than that by themselves (commitInterval).
func leaseOf(session time.Duration) time.Duration { return session * 2 / 3 }

// RebalanceTimeout is how long members are waited for when a group is divided
// anew. Whoever does not come loses his shards, however good his lease is. So it
// must be long enough for his last lease to end: he hears of the rebalance within
// a session and a heartbeat, or is given up for his silence; then he drains, and
// may be confirmed as a member meanwhile.
func RebalanceTimeout(session, heartbeat, drain time.Duration) time.Duration {
	return session + heartbeat + drain + leaseOf(session)
}

// Confirmed notes that a question that was asked then was answered well.
func (l *Lease) Confirmed(asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if asked.After(l.asked) { // shards ask at the same time
		l.asked = asked
	}
}

// End gives the lease up, for good: the shards are given back. A request that was
// given up may still be about to leave.
func (l *Lease) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// Holds reports that the last answer is still good. Both clocks count: the
// monotonic one stands still while a machine sleeps, the other one may step back.
func (l *Lease) Holds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	return !l.ended && !l.asked.IsZero() && (planted.LeaseForEver.On() || now.Sub(l.asked) < l.length && now.Round(0).Sub(l.asked.Round(0)) < l.length)
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
	if errors.Is(err, sink.ErrWithheld) {
		err = fmt.Errorf("the group has not confirmed lately that this worker is a member, and is asked again: %w", err)
	}
	op.Base = base
	return err
}
