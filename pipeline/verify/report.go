package verify

import "slices"

// Report is what a verification came to.
type Report struct {
	Namespace string `json:"namespace"`
	Policy    string `json:"policy"` // version
	Mode      string `json:"mode"`   // live or replay
	Shards    int    `json:"shards"`

	Records   Records `json:"records"`
	Customers int64   `json:"customers"` // compared
	Changes   int64   `json:"changes"`   // distinct ones
	Repeats   int64   `json:"repeats"`   // changes that were published again, byte by byte
	Unsent    int64   `json:"unsent"`    // changes that wait in the outbox
	Due       int64   `json:"due"`       // customers whose deadline has come and who wait for a worker
	Rewound   []int32 `json:"rewound"`   // shards whose Redis had lost what was published
	Apart     Apart   `json:"apart"`

	Differences int64        `json:"differences"`
	First       []Difference `json:"first"`
	Seconds     float64      `json:"seconds"`
}

// Records accounts for the records that were consumed.
type Records struct {
	Consumed   int64            `json:"consumed"`
	Applied    int64            `json:"applied"`
	Erased     int64            `json:"erased"`
	BelowFloor int64            `json:"below_floor"`
	Stale      int64            `json:"stale"`
	Rejected   map[string]int64 `json:"rejected"` // by reason
}

// NoEffect is the number of accepted records that the contract gives no effect.
func (r *Records) NoEffect() int64 { return r.Erased + r.BelowFloor + r.Stale }

// Dead is the number of records that went to the dead letters.
func (r *Records) Dead() (n int64) {
	for _, rejected := range r.Rejected {
		n += rejected
	}
	return n
}

// Apart lists customers with whom it depends on the arrival of their events
// what is kept: those with orders folded early, and those with events that were
// too old for an effect.
type Apart struct {
	Floor     Customers `json:"floor"`
	Stale     Customers `json:"stale"`
	Undecided Customers `json:"undecided"` // of both, those with whom no order of arrival that was tried explains what is stored
}

// Customers is a number of customers, and the first of them.
type Customers struct {
	Count int64    `json:"count"`
	First []string `json:"first"`
}

// maxListed bounds the lists of customers.
const maxListed = 20

func (c *Customers) add(id string) {
	c.Count++
	if len(c.First) < maxListed {
		c.First = append(c.First, id)
	}
}

func (c *Customers) merge(o *Customers) {
	c.Count += o.Count
	c.First = append(c.First, o.First[:min(len(o.First), maxListed-len(c.First))]...)
}

// Difference is something that is not as it has to be.
type Difference struct {
	Shard    int32  `json:"shard"`
	Customer string `json:"customer,omitempty"`
	What     string `json:"what"`
	Found    string `json:"found"`
	Expected string `json:"expected"`
}

// Good reports that nothing differs.
func (r *Report) Good() bool { return r.Differences == 0 }

// differ notes a difference.
func (s *shard) differ(customer, what, found, expected string) {
	s.report.Differences++
	if len(s.report.First) < s.v.Keep {
		s.report.First = append(s.report.First, Difference{Shard: s.number, Customer: customer, What: what, Found: found, Expected: expected})
	}
}

// setApart lists a customer apart where the contract says so.
func (s *shard) setApart(c *customer, stale, floor bool) {
	if stale {
		s.report.Apart.Stale.add(c.id)
	}
	if floor {
		s.report.Apart.Floor.add(c.id)
	}
}

// merge adds the report of a shard.
func (r *Report) merge(s *shard, keep int) {
	o := &s.report
	r.Shards++
	r.Records.Consumed += o.Records.Consumed
	r.Records.Applied += o.Records.Applied
	r.Records.Erased += o.Records.Erased
	r.Records.BelowFloor += o.Records.BelowFloor
	r.Records.Stale += o.Records.Stale
	for reason, n := range o.Records.Rejected {
		if n > 0 {
			r.Records.Rejected[reason] += n
		}
	}
	r.Customers += o.Customers
	r.Changes += o.Changes
	r.Repeats += o.Repeats
	r.Unsent += o.Unsent
	r.Due += o.Due
	if !s.linear {
		r.Rewound = append(r.Rewound, s.number)
	}
	r.Apart.Floor.merge(&o.Apart.Floor)
	r.Apart.Stale.merge(&o.Apart.Stale)
	r.Apart.Undecided.merge(&o.Apart.Undecided)
	r.Differences += o.Differences
	r.First = append(r.First, o.First...)
	slices.SortStableFunc(r.First, func(a, b Difference) int { return int(a.Shard - b.Shard) })
	r.First = r.First[:min(len(r.First), keep)]
}
