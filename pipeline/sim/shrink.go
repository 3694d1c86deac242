package sim

import (
	"context"
	"slices"
)

// salts is how many courses of events a smaller case may try: leaving something
// out changes when everything else happens, so that what fails may need another
// course.
const salts = 8

// Shrink looks for a smaller case that fails as well: with fewer kinds of faults,
// workers, customers and records. It ends when nothing can be left out any more,
// or with ctx. found hears of every smaller one.
func Shrink(ctx context.Context, c Case, found func(Case, error)) Case {
	s := shrinker{ctx: ctx, best: c, found: found}
	for s.tried = true; s.tried && ctx.Err() == nil; {
		s.tried = false
		s.faults()
		s.workers()
		s.customers()
		s.events()
	}
	return s.best
}

type shrinker struct {
	ctx   context.Context
	best  Case
	tried bool // something was left out since the last round
	found func(Case, error)
}

// try takes a smaller case if it fails, in this course of events or another one.
func (s *shrinker) try(smaller Case) bool {
	for salt := range uint64(salts) {
		if s.ctx.Err() != nil {
			return false
		}
		smaller.Salt = (s.best.Salt + salt) % salts
		if o := smaller.Run(false); o.Err != nil {
			s.best, s.tried = smaller, true
			s.found(smaller, o.Err)
			return true
		}
	}
	return false
}

func (s *shrinker) faults() {
	scenario := s.best.scenario()
	present := scenario.Faults.present()
	if scenario.Truncation.kind != "" {
		present = append(present, truncationKind)
	}
	if len(present) == 0 {
		return
	}
	without := func(kinds ...string) Case {
		c := s.best
		c.Without = append(slices.Clone(c.Without), kinds...)
		return c
	}
	if s.try(without(present...)) {
		return
	}
	for _, kind := range present {
		s.try(without(kind))
	}
}

func (s *shrinker) workers() {
	for n := 1; n < s.best.scenario().Workers; n++ {
		c := s.best
		c.Workers = n
		if s.try(c) {
			return
		}
	}
}

func (s *shrinker) customers() {
	scenario := s.best.scenario()
	for customer := range newWorkload(&scenario).customers {
		if slices.Contains(s.best.Customers, customer) {
			continue
		}
		c := s.best
		c.Customers = append(slices.Clone(c.Customers), customer)
		s.try(c)
	}
}

// events leaves out runs of records, long ones first.
func (s *shrinker) events() {
	scenario := s.best.scenario()
	var kept []int
	for record := range newWorkload(&scenario).records {
		if scenario.sends(record, -1) {
			kept = append(kept, record)
		}
	}
	for size := (len(kept) + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < len(kept); {
			fewer := slices.Delete(slices.Clone(kept), from, min(from+size, len(kept)))
			c := s.best
			if c.Events = spansOf(fewer); s.try(c) {
				kept = fewer
			} else {
				from += size
			}
		}
	}
}

// spansOf writes ascending numbers as ranges.
func spansOf(list []int) []span {
	ranges := []span{}
	for _, n := range list {
		if last := len(ranges) - 1; last >= 0 && ranges[last].to == n-1 {
			ranges[last].to = n
		} else {
			ranges = append(ranges, span{n, n})
		}
	}
	return ranges
}
