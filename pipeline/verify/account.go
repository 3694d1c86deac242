package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tidemark/tidemark/pkg/event"
)

// account compares the shard's counters with what was recomputed.
func (s *shard) account(ctx context.Context) error {
	for topic := range s.hash.places {
		s.accountFor(topic)
	}
	for seg := loyal; seg < states; seg++ {
		if s.hash.sizes[seg] != s.sizes[seg] {
			s.differ("", "customers counted as "+seg.String(), fmt.Sprint(s.hash.sizes[seg]), fmt.Sprint(s.sizes[seg]))
		}
	}
	if s.linear && s.hash.changes != s.changes {
		s.differ("", "changes counted", fmt.Sprint(s.hash.changes), fmt.Sprintf("%d, as many as there are", s.changes))
	}
	if !s.vague && s.linear && (s.hash.dropped < s.dropped[0] || s.hash.dropped > s.dropped[1]) {
		s.differ("", "refunds counted as waiting in vain", fmt.Sprint(s.hash.dropped), count(s.dropped[0], s.dropped[1]))
	}
	timers, err := s.v.keys.timers(ctx, s.number)
	if err != nil {
		return err
	}
	if timers != s.armed {
		s.differ("", "timers", fmt.Sprint(timers), fmt.Sprintf("%d, one for each customer who has one in his profile", s.armed))
	}
	return nil
}

// accountFor compares the counters of one input. What became of the accepted
// events of a customer who could not be decided is known in sum alone.
func (s *shard) accountFor(topic int) {
	got, want := s.hash.places[topic].counts, s.counts[topic]
	names := []string{"consumed"}
	for _, reason := range event.Reasons {
		names = append(names, reason.String())
		s.report.Records.Rejected[reason.String()] += want[reason.String()]
	}
	known := map[string]bool{}
	for _, name := range append(names, outcomeNames[:]...) {
		known[name] = true
	}
	if !s.vague {
		names = append(names, outcomeNames[:]...)
	}
	what := func(name string) string { return fmt.Sprintf("records of %s counted as %s", s.v.Inputs[topic], name) }
	for _, name := range names {
		least, most := want[name], want[name]
		if i := slices.Index(outcomeNames[:], name); i >= 0 {
			least, most = least-s.room[0][topic][i], most+s.room[1][topic][i]
		}
		if got[name] < least || got[name] > most {
			s.differ("", what(name), fmt.Sprint(got[name]), count(least, most))
		}
	}
	var sum int64
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if !known[name] {
			s.differ("", what(name), fmt.Sprint(got[name]), "no such counter")
		}
		if name != "consumed" {
			sum += got[name]
		}
	}
	if sum != got["consumed"] {
		s.differ("", "records of "+s.v.Inputs[topic]+" accounted for", fmt.Sprint(sum), fmt.Sprintf("%d, as many as were consumed", got["consumed"]))
	}
	r := &s.report.Records
	r.Consumed += want["consumed"]
	r.Applied += got[outcomeNames[applied]]
	r.Erased += got[outcomeNames[erased]]
	r.BelowFloor += got[outcomeNames[belowFloor]]
	r.Stale += got[outcomeNames[stale]]
}

// count is a number for people, of which the log may leave open which it is.
func count(least, most int64) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("from %d to %d", least, most)
}
