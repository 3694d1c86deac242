package shop

import "math"

// never is later than anything that happens.
const never = math.MaxInt64

// life is what the customers do, in order of natural time: milliseconds since
// the shop opened, in which the model's rates hold.
type life struct {
	dice  *dice
	model Model
	end   int64 // nothing happens from here on

	customers []customer
	steps     agenda // one entry for each customer who has come
	expected  int    // customers who have not come yet
	joining   int64  // the end of the time in which they come
	joins     int64  // when the next one comes

	afters agenda // refunds and corrections to come; slots in held
	held   slots

	skew   float64 // exponent; 0: none
	weight float64 // speed of customer 1 under the skew

	number uint64 // of the last event
	orders uint64 // number of the last order
}

func (l *life) open(o Options) {
	l.dice = newDice(o.Seed, 1)
	l.model = o.Model
	l.end = o.To - o.From
	l.expected = o.Customers
	l.joining = max(1, int64(float64(l.end)*o.Model.Joining))
	l.skew = o.Zipf
	l.orders = 1000
	l.weight = heaviest(o.Customers, o.Zipf)
	l.awaitCustomer()
}

// heaviest is how much faster than the average customer 1 lives: n / Σ k^-z.
func heaviest(n int, z float64) float64 {
	if z == 0 {
		return 1
	}
	var sum float64
	for k := n; k >= 1; k-- { // the small ones first: the sum loses less
		sum += power(float64(k), -z)
	}
	return float64(n) / sum
}

// awaitCustomer draws when the next customer comes. The instants of n
// customers who come independently and evenly are drawn one after the other,
// in order: the earliest of the m who remain lies a fraction 1 − U^(1/m) into
// the remaining time. So nobody takes memory before he comes.
func (l *life) awaitCustomer() {
	if l.expected == 0 {
		l.joins = never
		return
	}
	remaining := float64(l.joining - l.joins)
	fraction := 1 - power(l.dice.unit(), 1/float64(l.expected))
	l.joins += int64(float64(remaining * fraction))
	l.expected--
}

// ahead is when the next thing happens, or false when nothing does any more.
func (l *life) ahead() (int64, bool) {
	next := int64(never)
	if len(l.steps) > 0 {
		next = l.steps[0].at
	}
	for l.joins <= next && l.joins < l.end {
		next = l.joins
		l.join()
	}
	if len(l.afters) > 0 {
		next = min(next, l.afters[0].at)
	}
	return next, next < l.end
}

// join lets the next customer in: his first visit begins at once.
func (l *life) join() {
	c := customer{
		speed:   l.speed(len(l.customers) + 1),
		thrift:  l.dice.gamma(l.model.SpendQ) / l.model.SpendGamma,
		visited: l.joins,
		buys:    !l.dice.chance(l.model.Prospects),
	}
	c.clicks = visitClicks(l.dice, c.buys)
	l.steps.push(entry{at: l.joins, slot: uint32(len(l.customers))})
	l.customers = append(l.customers, c)
	l.awaitCustomer()
}

func (l *life) speed(rank int) float64 {
	if l.skew == 0 {
		return l.model.Pace
	}
	return float64(float64(l.model.Pace*l.weight) * power(float64(rank), -l.skew))
}

// step lets the next thing happen. ahead has said that there is one.
func (l *life) step() happening {
	l.number++
	if len(l.afters) > 0 && (len(l.steps) == 0 || l.afters[0].at <= l.steps[0].at) {
		e := l.afters.pop()
		h := l.held.take(e.slot)
		h.at, h.number = e.at, l.number
		return h
	}
	e := l.steps[0]
	c := &l.customers[e.slot]
	h := happening{at: e.at, number: l.number, customer: e.slot}
	next := l.advance(c, &h)
	l.steps.replace(entry{at: next, slot: e.slot})
	return h
}

// advance is one step of a customer: it says what happens now in h, and
// returns when his next step is.
func (l *life) advance(c *customer, h *happening) int64 {
	switch {
	case c.stage == leaving:
		h.kind = forget
		// Some come back after their erasure, as if for the first time.
		c.stage = lapsed
		return c.visit(h.at, l.dice, &l.model)
	case c.clicks > 0:
		l.browse(c, h)
		c.clicks--
		if c.clicks > 0 || c.buys {
			return h.at + c.pause(l.dice)
		}
		c.browsed(l.dice)
		return l.depart(c, h.at)
	default:
		// A visit without clicks is a purchase.
		l.buy(c, h)
		c.bought(l.dice, &l.model, l.skew > 0)
		return l.depart(c, h.at)
	}
}

// depart ends a visit and says when the next step is: now and then to ask for
// erasure.
func (l *life) depart(c *customer, now int64) int64 {
	if l.dice.chance(l.model.Erasures) {
		c.stage = leaving
		return now + c.hurry(l.dice.between(day/24, 14*day))
	}
	return c.visit(now, l.dice, &l.model)
}

// browse says what a click does: the last ones before a purchase lead to the
// checkout, the others wander about.
func (l *life) browse(c *customer, h *happening) {
	h.kind = click
	switch {
	case c.buys && c.clicks == 1:
		h.variant = checkout
	case c.buys && c.clicks == 2:
		h.variant = cartAdd
	default:
		wander := [8]uint8{view, view, view, view, search, pick, cartAdd, cartRemove}
		h.variant = wander[l.dice.below(8)]
	}
	switch {
	case h.variant == cartAdd:
		c.carted = true
	case h.variant == cartRemove && !c.carted:
		h.variant = view
	}
	if h.variant != search && h.variant != checkout {
		h.product = uint16(1 + l.dice.below(500))
	}
}

// buy is a purchase, and plans what follows from it.
func (l *life) buy(c *customer, h *happening) {
	l.orders++
	h.kind = purchase
	h.order = l.orders
	h.amount = c.spends(l.dice, &l.model)
	if l.dice.chance(l.model.Returns) {
		l.plan(h, l.returned(h), day, 21*day)
		if l.dice.below(10) == 0 {
			l.plan(h, l.returned(h), 22*day, 40*day)
		}
	}
	if l.model.Returns > 0 && l.dice.below(100) == 0 {
		corrected := *h
		corrected.amount = c.spends(l.dice, &l.model)
		l.plan(h, corrected, minute, day)
	}
}

// returned is a refund of an order: half of them say only that it is the whole
// order, some give its whole amount, the others a part of it.
func (l *life) returned(h *happening) happening {
	r := *h
	r.kind = refund
	switch sort := l.dice.below(10); {
	case sort < 5 || h.amount < 2:
		r.amount = whole
	case sort >= 7:
		r.amount = l.dice.between(1, h.amount-1)
	}
	return r
}

func (l *life) plan(h *happening, after happening, from, to int64) {
	l.afters.push(entry{at: h.at + l.dice.between(from, to), slot: l.held.put(after)})
}
