package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tidemark/tidemark/pkg/instant"
)

// shop draws the events of a log, the same for the same settings: purchases and
// clicks of 220 B, as a real shop's with what the rules pass over.
type shop struct {
	customers int
	uniform   float64 // share of events whose customer is drawn evenly, the others by Zipf
	purchases float64 // share of purchases, the others are clicks
	days      int     // of event time

	r    *rand.Rand
	zipf *rand.Zipf
	rank []int // spreads the busy customers over the ids
	buf  []byte
	n    int
}

const (
	zipfExponent = 1.1
	zipfOffset   = 50 // the busiest customer has a hundredth of the events, not a tenth
	day          = 24 * time.Hour
)

// opened is when the first event of a preloaded log happened.
var opened = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (s shop) open() *shop {
	s.r = rand.New(rand.NewPCG(1, 2))
	s.zipf = rand.NewZipf(s.r, zipfExponent, zipfOffset, uint64(s.customers-1))
	s.rank = s.r.Perm(s.customers)
	return &s
}

// past is the next of so many events, dated one after the other over the days:
// no two topics have events of the same time to order by name.
func (s *shop) past(events int) (purchase bool, customer, value []byte, at time.Time) {
	span := int64(s.days) * int64(day/time.Millisecond)
	from, to := span*int64(s.n)/int64(events), span*int64(s.n+1)/int64(events)
	ms := from + s.r.Int64N(max(to-from, 1))
	at = opened.Add(time.Duration(ms) * time.Millisecond)
	purchase, customer, value = s.event(s.customer(), fmt.Sprintf("e-%09d-%08x", s.n, s.r.Uint32()), at, s.r.Float64() < s.purchases)
	return purchase, customer, value, at
}

func (s *shop) customer() int {
	if s.r.Float64() < s.uniform {
		return s.r.IntN(s.customers)
	}
	return s.rank[s.zipf.Uint64()]
}

var (
	channels = [...]string{"web", "app", "shop"}
	actions  = [...]string{"view", "click", "search", "cart_add"}
	devices  = [...]string{"mobile", "desktop", "tablet"}
)

// event is one event. The slices are the caller's.
func (s *shop) event(customer int, id string, at time.Time, purchase bool) (bool, []byte, []byte) {
	key := customerID(customer)
	kind := "click"
	if purchase {
		kind = "purchase"
	}
	b := fmt.Appendf(s.buf[:0], `{"id":"%s","type":"%s","customer_id":"%s","occurred_at":"%s"`, id, kind, key, instant.Format(at.UnixMilli()))
	if purchase {
		cents := int64(math.Min(200_000, 100+math.Exp(8+s.r.NormFloat64()))) // about 31 EUR in the middle
		b = fmt.Appendf(b, `,"order_id":"o-%09d","amount":"%d.%02d","currency":"EUR","properties":{"channel":"%s","store":"store-%03d"}}`,
			s.n, cents/100, cents%100, channels[s.r.IntN(len(channels))], s.r.IntN(400))
	} else {
		b = fmt.Appendf(b, `,"action":"%s","properties":{"page":"/product/%06d","session":"s-%016x","device":"%s"}}`,
			actions[s.r.IntN(len(actions))], s.r.IntN(1_000_000), s.r.Uint64(), devices[s.r.IntN(len(devices))])
	}
	s.buf, s.n = b, s.n+1
	return purchase, key, append([]byte(nil), b...)
}

func customerID(n int) []byte { return fmt.Appendf(nil, "c-%07d", n) }
