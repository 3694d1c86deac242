package shop

import (
	"errors"
	"fmt"
	"math"
)

// Options say which shop is simulated. Times are unix milliseconds.
type Options struct {
	Customers int    // how many there are, at least 1; they are called c-1, c-2, …
	Events    int64  // stop after this many lines; 0: when To is reached
	From, To  int64  // events have From ≤ occurred_at < To
	Seed      uint64 // another seed, another shop
	Signed    bool   // ids of events and orders hold the seed, so that shops can share a log

	// Zipf is the exponent of the skew of activity: customer k lives
	// proportionally to k^-Zipf fast, so that with 1.1 a few customers make most
	// of the events. 0: nobody stands out but by the model's own spread.
	Zipf float64

	Duplicates float64 // share of events that are delivered again later, same id and bytes
	Disorder   float64 // share of events that arrive late, by minutes to days
	Malformed  float64 // share of the lines that cannot be decoded

	Model Model
}

// Model holds the parameters of the customers' behaviour. Rates are per week.
type Model struct {
	// BG/NBD: purchases of an active customer have a rate drawn from
	// Gamma(R, Alpha), and each repeat purchase is his last for a long time with
	// a probability drawn from Beta(A, B).
	R, Alpha, A, B float64

	// Gamma-Gamma: one purchase spends Gamma(SpendP, ν), ν of each customer
	// drawn from Gamma(SpendQ, SpendGamma), in units of the currency.
	SpendP, SpendQ, SpendGamma float64

	Pace      float64 // how much faster than the parameters say everything goes
	Joining   float64 // customers come for the first time in this first part of From … To, evenly
	Prospects float64 // share of customers whose first visit ends without a purchase
	WinBack   float64 // probability that a visit of a lapsed customer ends with a purchase: he is active again
	Browsing  float64 // visits without a purchase, for each with one; 0 also ends the visits of the quiet
	Returns   float64 // share of orders that are refunded later, wholly or in part
	Erasures  float64 // probability that a visit is followed by an erasure
}

// Default is a small shop over one year. The behaviour is that of the CDNOW
// customers, as the models were fitted to them (BG/NBD and Gamma-Gamma by
// maximum likelihood, in weeks).
func Default() Options {
	return Options{
		Customers: 1000,
		From:      1735689600000, // 2025-01-01
		To:        1767225600000, // 2026-01-01
		Seed:      1,
		Model: Model{
			R: 0.242595, Alpha: 4.413602, A: 0.792922, B: 2.425907,
			SpendP: 6.248803, SpendQ: 3.744589, SpendGamma: 15.447748,
			Pace:      1,
			Joining:   0.25,
			Prospects: 0.4,
			WinBack:   0.25,
			Browsing:  2.5,
			Returns:   0.08,
			Erasures:  0.0005,
		},
	}
}

const lastInstant = 253402300800000 // 10000-01-01, the end of what occurred_at can say

// Validate says everything that is wrong with the options, each by the name of
// the flag that sets it.
func (o Options) Validate() error {
	var problems []error
	refuse := func(bad bool, format string, values ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, values...))
		}
	}
	refuse(o.Customers < 1 || o.Customers > math.MaxInt32, "customers: must be from 1 to %d, not %d", math.MaxInt32, o.Customers)
	refuse(o.Events < 0, "events: must be at least 0, not %d", o.Events)
	refuse(o.From < 0 || o.To > lastInstant, "from and to: must lie between the years 1970 and 9999")
	refuse(o.From >= o.To, "from: must be before to")
	refuse(!within(o.Zipf, 0, 5), "zipf: must be from 0 to 5, not %v", o.Zipf)
	refuse(!within(o.Duplicates, 0, 1), "duplicates: must be a share from 0 to 1, not %v", o.Duplicates)
	refuse(!within(o.Disorder, 0, 1), "disorder: must be a share from 0 to 1, not %v", o.Disorder)
	// A log of bad lines alone would never come to an end by time.
	refuse(!within(o.Malformed, 0, 0.99), "malformed: must be a share from 0 to 0.99, not %v", o.Malformed)
	problems = append(problems, o.Model.validate())
	return errors.Join(problems...)
}

func (m Model) validate() error {
	for _, p := range []float64{m.R, m.Alpha, m.A, m.B, m.SpendP, m.SpendQ, m.SpendGamma, m.Pace, m.Joining} {
		if !within(p, 1e-9, 1e9) {
			return errors.New("model: R, Alpha, A, B, Spend, Pace and Joining must be above 0")
		}
	}
	for _, p := range []float64{m.Prospects, m.WinBack, m.Browsing / 1e9, m.Returns, m.Erasures} {
		if !within(p, 0, 1) {
			return errors.New("model: Prospects, WinBack, Returns and Erasures must be shares from 0 to 1")
		}
	}
	return nil
}

// within is false for NaN too.
func within(x, low, high float64) bool {
	return x >= low && x <= high
}
