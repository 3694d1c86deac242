package customer

import (
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/lifecycle"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Rules are everything that decides a customer's changes under one policy. They are never modified
// after New, and so may be shared by goroutines; a profile belongs to one caller at a time.
type Rules struct {
	policy    *policy.Policy
	lifecycle lifecycle.Rules
	horizon   int64 // ms
	window    int64 // ms
}

// New prepares the rules of p, which must be valid and must not be modified afterwards.
func New(p *policy.Policy) *Rules {
	return &Rules{policy: p, lifecycle: lifecycle.New(p), horizon: p.Horizon(), window: int64(p.Window)}
}

// Fire lets time pass for the customer id: p is evaluated at each of its deadlines up to the stream
// time s (unix milliseconds), in order, each with a change as of the deadline; then what is due by s
// is expired. It is the same whether it is called for every deadline or once for all.
//
// Deadlines at or before quietUntil move the segment without a version or a change, as a silent
// start wants it; instant.None: none of them does.
func (r *Rules) Fire(p *profile.Profile, id string, s, quietUntil int64, out []change.Change) []change.Change {
	for p.NextAt != instant.None && p.NextAt <= s {
		// Expiry waits until all deadlines are through: an order is in its window at an early
		// deadline though it is due for folding by s.
		at := p.NextAt
		if at < s && planted.DeadlineDatedLate.On() {
			at = s
		}
		out = r.settle(p, move{customer: id, at: at, cause: change.Timer, quiet: at <= quietUntil}, out)
	}
	p.Expire(s, r.horizon)
	return out
}

// Apply gives the event ev to the customer id at the stream time s, not before the event's time. Fire
// must have been called for s. The outcome says whether the event had an effect; only then is the
// customer evaluated.
//
// With quiet the segment moves without a version or a change; the caller sets the profile's Mark
// where the world is to be told later. The changes share memory with ev and id.
func (r *Rules) Apply(p *profile.Profile, id string, ev *event.Event, s int64, quiet bool, out []change.Change) ([]change.Change, profile.Outcome) {
	outcome := p.Apply(ev, s, r.policy)
	if outcome != profile.Applied {
		return out, outcome
	}
	m := move{customer: id, at: s, cause: change.Event, eventID: ev.ID, eventType: ev.Type, quiet: quiet}
	if ev.Type == event.Forget {
		m.cause, m.eventID, m.eventType = change.Forget, "", 0
	}
	return r.settle(p, m, out), outcome
}

// Bootstrap tells the world for the first time of a customer whose mark is Pending, and clears the
// mark: the present segment, from null, as of s. He has been in it since Since, which stays. Fire
// must have been called for s, silently. With another mark, or without a segment, it publishes
// nothing.
func (r *Rules) Bootstrap(p *profile.Profile, id string, s int64, out []change.Change) []change.Change {
	if p.Mark != profile.Pending {
		return out
	}
	p.Mark = profile.Unmarked
	if p.Segment == segment.None {
		return out
	}
	return append(out, r.publish(p, move{customer: id, at: s, cause: change.Bootstrap}, segment.None))
}

// Absorb gives ev to a customer whose mark is Adopted and who must not publish yet: the published
// version is ahead of what the log's prefix explains. Only the ledger moves.
func (r *Rules) Absorb(p *profile.Profile, ev *event.Event, s int64) profile.Outcome {
	p.Expire(s, r.horizon)
	return p.Apply(ev, s, r.policy)
}

// Recover releases a customer whose mark is Adopted, and clears the mark: he is evaluated at s, and
// where the result is not what the world was told before the rollback a change with cause recovery
// follows. Deadlines up to s pass silently, since what they did is in the published segment or in
// the evaluation at s. With another mark it does nothing.
func (r *Rules) Recover(p *profile.Profile, id string, s int64, out []change.Change) []change.Change {
	if p.Mark != profile.Adopted {
		return out
	}
	// Expired while the mark still stands: a tombstone that ends here must not take the version with
	// it, or the next change would begin at 1 in the same breath as one that follows version 7.
	p.Expire(s, r.horizon)
	p.Mark = profile.Unmarked
	return r.settle(p, move{customer: id, at: s, cause: change.Recovery}, out)
}

// move is why and when a customer is evaluated.
type move struct {
	customer  string
	at        int64
	cause     change.Kind
	eventID   string
	eventType event.Type
	quiet     bool
}

// settle evaluates p at the move's instant, takes the result as what readers see, and appends the
// change that follows where it is another segment.
func (r *Rules) settle(p *profile.Profile, m move, out []change.Change) []change.Change {
	from := p.Segment
	p.Segment, p.NextAt, p.Next = r.lifecycle.Evaluate(p, m.at)
	if p.Segment == from {
		return out
	}
	p.Since = m.at
	if p.Segment == segment.None {
		p.Since = instant.None
	}
	if m.quiet {
		return out
	}
	return append(out, r.publish(p, m, from))
}

// publish takes the next version and describes the move to the segment that p has now.
func (r *Rules) publish(p *profile.Profile, m move, from segment.Segment) change.Change {
	p.Version++
	c := change.Change{
		Customer: m.customer, Version: p.Version,
		From: from, To: p.Segment, EffectiveAt: m.at,
		Cause: m.cause, EventID: m.eventID, EventType: m.eventType,
		Next: p.Next, NextAt: p.NextAt,
	}
	if p.Segment != segment.None {
		c.Profile, c.HasProfile = rfm.Summarize(p, m.at, r.window), true
	}
	return c
}
