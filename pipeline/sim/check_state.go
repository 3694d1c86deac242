package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
)

// serving is the line that readers see.
type serving struct {
	Lifecycle string `json:"lifecycle"`
	Since     string `json:"since"`
	Version   int64  `json:"version"`
	Next      string `json:"next"`
	NextAt    string `json:"next_at"`
}

// checkCustomers: each customer's serving line and profile are the model's, and
// there are no others.
func (v *verdict) checkCustomers() error {
	sizes := map[string]int64{}
	for _, id := range slices.Sorted(maps.Keys(v.data.customers)) {
		p := v.persons[id]
		if p == nil {
			return fmt.Errorf("%q is stored, but has no events", id)
		}
		if err := v.checkCustomer(id, p, v.data.customers[id]); err != nil {
			return fmt.Errorf("%q: %w", id, err)
		}
		if p.forgettable() && !v.stopped && !v.touched(id) {
			return fmt.Errorf("%q is still stored, though nothing is left to keep", id)
		}
	}
	for id, p := range v.persons {
		if v.data.customers[id] == nil && !p.forgettable() {
			return fmt.Errorf("%q is not stored, but is %q with %d facts", id, p.segment, len(p.facts))
		}
		sizes[p.segment]++
	}
	if v.stopped {
		return nil
	}
	names := []string{"", "loyal", "potential", "edge", "churned"}
	for i, n := range v.state.Sizes {
		if i > 0 && n != sizes[names[i]] {
			return fmt.Errorf("%d customers are counted as %s, want %d", n, names[i], sizes[names[i]])
		}
	}
	return nil
}

// forgettable reports that nothing has to be kept about a person.
func (p *person) forgettable() bool {
	return p.segment == "" && len(p.facts) == 0 && len(p.folded) == 0 && p.first == none && p.forgottenAt == none
}

func (v *verdict) checkCustomer(id string, p *person, value []byte) error {
	line, _, ok := bytes.Cut(value, []byte("\n"))
	if !ok {
		return fmt.Errorf("no line for readers")
	}
	var s serving
	if err := json.Unmarshal(line, &s); err != nil {
		return fmt.Errorf("the line for readers: %w", err)
	}
	stored := profile.New()
	if err := stored.Decode(understood(value)); err != nil {
		return err
	}
	if err := v.checkLedger(&stored, p); err != nil {
		return err
	}
	if v.stopped {
		return nil // its timers may not have fired
	}
	want := serving{Lifecycle: p.segment, Since: textOf(p.since), Version: p.version, Next: p.next, NextAt: textOf(p.nextAt)}
	if v.touched(id) {
		// The chain of changes says what these have to be.
		want.Since, want.Version = s.Since, s.Version
		if last := v.last(id); last != nil && !v.exposed(id) && !v.expired(last, s) && (s.Version != last.Version || s.Lifecycle != last.to()) {
			return fmt.Errorf("stored as %q version %d, but the world was last told %q version %d",
				s.Lifecycle, s.Version, last.to(), last.Version)
		}
	}
	if s != want {
		return fmt.Errorf("readers see %+v, want %+v", s, want)
	}
	return v.checkSummary(&stored, p)
}

// expired reports that a customer was forgotten so long ago that his version is.
func (v *verdict) expired(last *broadcast, s serving) bool {
	return last.To == nil && s.Lifecycle == "" && s.Version == 0 && v.clock >= last.effectiveAt+v.rules.horizon
}

func textOf(ms int64) string {
	if ms == none {
		return ""
	}
	return clock(ms)
}

// checkSummary: F, M and the times of a stored profile at the end.
func (v *verdict) checkSummary(stored *profile.Profile, p *person) error {
	var want told
	want.effectiveAt = v.clock
	want.describe(p.portrait(v.rules))
	got := rfm.Summarize(stored, v.clock, v.rules.window)
	have := [5]int64{got.Orders, got.Monetary, got.FirstSeen, got.LastOrder, got.LastSeen}
	if due := [5]int64{want.orders, want.monetary, want.first, want.lastOrder, want.last}; have != due {
		return fmt.Errorf("orders, monetary, first, last order, last seen are %v, want %v", have, due)
	}
	return nil
}

// checkLedger: the orders themselves, folded as far as they are due.
func (v *verdict) checkLedger(stored *profile.Profile, p *person) error {
	stored.Expire(v.clock, v.rules.horizon)
	if stored.FirstSeen != p.first || stored.LastSeen != p.last || stored.Floor != p.floor || stored.ForgottenAt != p.forgottenAt {
		return fmt.Errorf("seen %d to %d, floor %d, forgotten at %d; want %d to %d, %d, %d", stored.FirstSeen, stored.LastSeen,
			stored.Floor, stored.ForgottenAt, p.first, p.last, p.floor, p.forgottenAt)
	}
	var got, want []string
	for i := range stored.Orders {
		o := &stored.Orders[i]
		net := int64(0)
		if o.Purchased() {
			net = o.Net()
		}
		got = append(got, fmt.Sprintf("%s at %d net %d counts %v latest %d", o.ID, o.Time, net, o.Counts(), o.LastAt))
	}
	for _, o := range p.orders() {
		want = append(want, fmt.Sprintf("%s at %d net %d counts %v latest %d", o.id, o.at, o.net, o.counts, o.latest))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("orders %v, want %v", got, want)
	}
	lifetime := profile.Lifetime{First: none, Last: none}
	for _, o := range p.folded {
		lifetime.Orders++
		if lifetime.First == none || o.at < lifetime.First {
			lifetime.First = o.at
		}
		lifetime.Last = max(lifetime.Last, o.at)
	}
	if l := stored.Lifetime; l.Orders != lifetime.Orders || l.First != lifetime.First || l.Last != lifetime.Last {
		return fmt.Errorf("lifetime totals %+v, want %+v", l, lifetime)
	}
	return nil
}

// checkTimers: whoever moves without an event has a timer that comes in time.
func (v *verdict) checkTimers() error {
	if v.stopped {
		return nil
	}
	for id, p := range v.persons {
		armed, ok := v.data.timers[id]
		if p.nextAt != none && (!ok || armed > p.nextAt) {
			return fmt.Errorf("%q moves at %d, but his timer is %d (%v)", id, p.nextAt, armed, ok)
		}
	}
	for id, at := range v.data.timers {
		if v.data.customers[id] == nil {
			return fmt.Errorf("a timer at %d is left of %q, who is not stored", at, id)
		}
	}
	return nil
}
