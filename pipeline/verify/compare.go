package verify

import (
	"fmt"
	"slices"
)

// compare holds a customer in Redis against the recomputed one, both as of the
// shard's stream time.
func (s *shard) compare(c *customer, want *person) {
	want.expire(s.v.rules, s.hash.clock)
	if c.stored == nil {
		if !want.empty() {
			s.differ(c.id, "customer", "not in Redis", want.describe())
		}
		return
	}
	if l := s.differingLine(c, want); l != nil {
		s.differ(c.id, l.what, l.found, l.want)
	}
	if want := s.markOf(want); c.stored.mark != want {
		s.differ(c.id, "mark", fmt.Sprint(c.stored.mark), fmt.Sprint(want))
	}
	s.compareLedger(c, want)
	s.compareTimer(c, want.nextAt)
}

// differingLine compares what readers see.
func (s *shard) differingLine(c *customer, want *person) *ledger {
	got, line := c.stored.line, want.line()
	if got == line || s.faded(c, want) {
		return nil
	}
	return &ledger{"first line", string(got.append(nil)), string(line.append(nil))}
}

// faded reports that a tombstone is over and nobody has looked at the customer
// since: his version is then still there, and means nothing.
func (s *shard) faded(c *customer, want *person) bool {
	line := c.stored.line
	line.Version = 0
	c.stored.person.expire(s.v.rules, s.hash.clock)
	return want.segment == nobody && want.version == 0 && c.stored.person.version == 0 && line == want.line()
}

// line is what readers should see.
func (p *person) line() line {
	text := func(ms int64) string {
		if ms == none {
			return ""
		}
		return when(ms)
	}
	return line{Lifecycle: p.segment.String(), Since: text(p.since), Version: p.version, Next: p.next.String(), NextAt: text(p.nextAt)}
}

// markOf is the mark that a customer has to have.
func (s *shard) markOf(p *person) mark {
	start := s.hash.silent()
	if start != nil && start.Publish == publishSnapshot && p.version == 0 && p.segment != nobody {
		return pending
	}
	return unmarked
}

// ledger is one value of the ledger that is compared.
type ledger struct {
	what        string
	found, want string
}

// compareLedger tells the first value that differs.
func (s *shard) compareLedger(c *customer, want *person) {
	if l := s.differing(c, want); l != nil {
		s.differ(c.id, l.what, l.found, l.want)
	}
}

func (s *shard) differing(c *customer, want *person) *ledger {
	got := &c.stored.person
	got.expire(s.v.rules, s.hash.clock)
	want.expire(s.v.rules, s.hash.clock)
	if l := s.differingOrders(got, want); l != nil {
		return l
	}
	for _, l := range []ledger{
		{"first seen", when(got.first), when(want.first)},
		{"last seen", when(got.last), when(want.last)},
		{"floor", when(got.floor), when(want.floor)},
		{"tombstone", tombstone(got), tombstone(want)},
		{"lifetime orders", fmt.Sprint(got.past.orders), fmt.Sprint(want.past.orders)},
		{"lifetime amount", s.v.rules.sum(got.past.amount), s.v.rules.sum(want.past.amount)},
		{"lifetime amount of the first day", s.v.rules.sum(got.past.firstDay), s.v.rules.sum(want.past.firstDay)},
		{"lifetime days", fmt.Sprint(got.past.days), fmt.Sprint(want.past.days)},
		{"first folded order", when(got.past.first), when(want.past.first)},
		{"last folded order", when(got.past.last), when(want.past.last)},
	} {
		if l.found != l.want {
			return &l
		}
	}
	return nil
}

func tombstone(p *person) string {
	if p.forgottenAt == none {
		return "none"
	}
	return fmt.Sprintf("%s by %x", when(p.forgottenAt), p.forgetID)
}

func (s *shard) differingOrders(got, want *person) *ledger {
	for i := range want.orders {
		o := &want.orders[i]
		j := slices.IndexFunc(got.orders, func(other order) bool { return other.id == o.id })
		if j < 0 {
			return &ledger{"order " + quote(o.id), "not in the ledger", s.describe(o)}
		}
		if found, wanted := s.describe(&got.orders[j]), s.describe(o); found != wanted {
			return &ledger{"order " + quote(o.id), found, wanted}
		}
	}
	for i := range got.orders {
		o := &got.orders[i]
		if i >= len(want.orders) || !slices.ContainsFunc(want.orders, func(other order) bool { return other.id == o.id }) {
			return &ledger{"order " + quote(o.id), s.describe(o), "not in the ledger"}
		}
	}
	return nil
}

// describe is all of an order.
func (s *shard) describe(o *order) string {
	refunds := slices.Clone(o.refunds)
	slices.SortFunc(refunds, func(a, b refund) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	text := fmt.Sprintf("%s at %s, given at %s, latest event %s", s.v.rules.sum(o.amount), when(o.at), when(o.amountAt), when(o.latest))
	for _, r := range refunds {
		if r.whole {
			text += fmt.Sprintf(", refund %x of all", r.id)
		} else {
			text += fmt.Sprintf(", refund %x of %s", r.id, s.v.rules.sum(r.amount))
		}
	}
	return text
}

// describe is who a customer is, in short.
func (p *person) describe() string {
	line := p.line()
	return fmt.Sprintf("%s, %d orders, %d folded, last seen %s", line.append(nil), len(p.orders), p.past.orders, when(p.last))
}

// Timers outside of time: a customer who is to be told of stands before all
// deadlines, an adopted one behind them.
const (
	pendingTimer = 0
	adoptedTimer = 1 << 52
)

// compareTimer checks that whoever has to be looked at without an event has a
// timer that comes in time, and that the two places that hold it agree.
func (s *shard) compareTimer(c *customer, nextAt int64) {
	got := c.stored
	if got.armed != got.timer {
		s.differ(c.id, "timer", timer(got.timer), timer(got.armed)+", as his profile says")
		return
	}
	if at, reason := s.wake(c, nextAt); at == none && got.armed != none {
		s.differ(c.id, "timer", timer(got.armed), "none")
	} else if at != none && (got.armed == none || got.armed > at) {
		s.differ(c.id, "timer", timer(got.armed), timer(at)+" or earlier: "+reason)
	}
}

func timer(ms int64) string {
	switch ms {
	case none:
		return "none"
	case pendingTimer:
		return "first of all"
	case adoptedTimer:
		return "last of all"
	}
	return when(ms)
}

// wake is when a stored customer must be looked at, and why; none: never.
func (s *shard) wake(c *customer, nextAt int64) (int64, string) {
	got := c.stored
	switch got.mark {
	case pending:
		return pendingTimer, "he is to be told of"
	case adopted:
		return adoptedTimer, "he was adopted"
	}
	if got.person.segment != nobody {
		return nextAt, "his deadline"
	}
	at, reason := none, ""
	if got.person.forgottenAt != none {
		at, reason = got.person.forgottenAt+s.v.rules.horizon, "his tombstone ends"
	}
	for i := range got.person.orders {
		if o := &got.person.orders[i]; o.at == none {
			if end := o.latest + s.v.rules.horizon + grace; at == none || end < at {
				at, reason = end, "a refund waits for its order"
			}
		}
	}
	if at == none && got.armed != none && got.armed <= s.hash.clock {
		return got.armed, "it is due" // what it waited for is over, and nobody has looked yet
	}
	return at, reason
}
