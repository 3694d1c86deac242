package shop

const (
	second = 1000
	minute = 60 * second
	day    = 24 * 60 * minute
	week   = 7 * day

	// The mean gaps between visits, in weeks: of a buyer beside those that his
	// purchases bring along, of a prospect, and of a lapsed customer.
	idleWeeks     = 12
	prospectWeeks = 3
	lapsedWeeks   = 30

	prospectBuys    = 0.2 // a prospect's visit ends with his first purchase
	prospectGivesUp = 0.2 // a visit without one is his last for a long time

	longestVisit = 20 // clicks

	endOfDays = 1 << 61 // natural time ends here, some 73 million years on
)

type stage uint8

const (
	prospect stage = iota
	buyer
	lapsed
	leaving // asked for erasure
)

// customer is one customer between two of his events. He is always in exactly
// one place of the agenda: each event leads to the next.
type customer struct {
	buying float64 // purchases a week while active, λ
	drop   float64 // probability that a repeat purchase is the last, p
	thrift float64 // ν of what he spends: the greater, the less
	speed  float64 // how much faster than the parameters he lives

	visited int64 // when the present visit began
	stage   stage
	clicks  uint8 // still to come in this visit
	buys    bool  // the visit ends with a purchase
	carted  bool  // something was put into the cart in this visit
}

// settle draws what makes a customer an active buyer: at the first purchase,
// and again when he comes back.
func (c *customer) settle(d *dice, m *Model, skewed bool) {
	c.stage = buyer
	c.drop = d.beta(m.A, m.B)
	c.buying = d.gamma(m.R) / m.Alpha
	if skewed {
		// Under a skew by rank the rank alone says who is busy: a hot customer
		// with a rate near 0 drawn on top would not be hot.
		c.buying = m.R / m.Alpha
	}
}

// visit plans the next visit and says when it begins. The gap counts from the
// beginning of the last one, so that purchases stay the Poisson process that
// the model means.
func (c *customer) visit(now int64, d *dice, m *Model) int64 {
	gap, buys := c.plan(d, m)
	c.buys, c.carted = buys, false
	c.clicks = visitClicks(d, buys)
	// A rate near 0 must not overflow the clock: not the one gap, nor their sum.
	wait := min(float64(d.exponential()*gap)/c.speed, 1e5)
	c.visited = max(min(c.visited+int64(float64(wait*week)), endOfDays), now+1)
	return c.visited
}

// plan is the mean gap in weeks and whether the next visit brings a purchase.
// A buyer's visits with and without one are two Poisson processes; drawing from
// their sum and then the kind is the same thing with one place in the agenda.
func (c *customer) plan(d *dice, m *Model) (gap float64, buys bool) {
	switch c.stage {
	case buyer:
		total := c.buying
		if m.Browsing > 0 {
			total += float64(c.buying*m.Browsing) + 1.0/idleWeeks
		}
		if total < 1e-6 {
			return 1e6, true
		}
		return 1 / total, d.chance(c.buying / total)
	case prospect:
		return prospectWeeks, d.chance(prospectBuys)
	default:
		return lapsedWeeks, d.chance(m.WinBack)
	}
}

// visitClicks is how many clicks a visit has: a few more before a purchase,
// and now and then a purchase comes without any.
func visitClicks(d *dice, buys bool) uint8 {
	if buys && d.chance(0.1) {
		return 0
	}
	more := 0.6
	n := uint8(1)
	if buys {
		more, n = 0.7, 2
	}
	for n < longestVisit && d.chance(more) {
		n++
	}
	return n
}

// pause is the time to the next click of a visit: seconds to a minute, less
// for the customers who live faster than others, as a visit of theirs must end
// before the next.
func (c *customer) pause(d *dice) int64 {
	return c.hurry(d.between(3*second, 70*second))
}

// hurry shortens a time for those who live faster than the others.
func (c *customer) hurry(gap int64) int64 {
	if c.speed > 1 {
		gap = int64(float64(gap) / c.speed)
	}
	return max(gap, 1)
}

// bought moves him on after a purchase.
func (c *customer) bought(d *dice, m *Model, skewed bool) {
	switch {
	case c.stage != buyer:
		c.settle(d, m, skewed)
	case d.chance(c.drop):
		c.stage = lapsed
	}
}

// browsed moves him on after a visit without a purchase.
func (c *customer) browsed(d *dice) {
	if c.stage == prospect && d.chance(prospectGivesUp) {
		c.stage = lapsed
	}
}

// spends is the amount of one purchase in cents; about one in 300 is free, as
// samples and vouchers are.
func (c *customer) spends(d *dice, m *Model) int64 {
	if d.below(300) == 0 {
		return 0
	}
	units := d.gamma(m.SpendP) / max(c.thrift, 1e-6)
	return 1 + int64(float64(100*min(units, 1e6)))
}
