package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/partition"
)

// epoch is where the workloads begin, unix ms: 2026-01-01.
const epoch int64 = 1767225600000

// parcel is one batch that a producer sends.
type parcel struct {
	tick      int64 // virtual ms; negative: it is there before the run begins
	wall      int64 // the broker's clock then, unix ms
	topic     string
	partition int32
	codec     recordbatch.Codec
	skip      int64
	how       transaction
	records   []sink.Record
	meant     []meaning
}

// leap is a step of everybody's wall clock: time passes while nothing happens.
type leap struct {
	tick, by int64 // ms
}

// workload is everything that producers do in a run, and when.
type workload struct {
	parcels   []parcel
	leaps     []leap
	customers []string
	forgotten map[string]bool // customers whom an event forgets
	first     int64           // where the wall clock stood when the log began, unix ms
	began     int64           // the wall clock at tick 0, unix ms
	ended     int64           // and at the last parcel
	lastTick  int64
	records   int // before any were left out
}

// author writes a workload. It plays a few customers who keep meeting their own
// deadlines, orders and refunds.
type author struct {
	rng   *rand.Rand
	more  *rand.Rand // for what came later
	s     *Scenario
	w     workload
	parts partition.Partitioner

	wall, tick int64
	serial     int
	past       []draft // events so far
	regulars   []string
	void       bool // what is sent now is rolled back
	durations  []int64
	live       bool
	forgets    float64 // share of the events
}

// draft is one event on its way into a record.
type draft struct {
	customer string
	fact     fact
	when     string // occurred as it is written
	occurred int64  // none: left to the record's timestamp
	currency string
	number   string // the amount as written, in JSON
	bareID   bool   // a purchase whose order is named by its id
	action   string
}

// newWorkload writes the workload of a scenario.
func newWorkload(s *Scenario) *workload {
	a := author{rng: stream(s.Seed, streamWorkload), more: stream(s.Seed, streamMoreWorkload), s: s, wall: s.Epoch, tick: -1}
	a.parts, _ = partition.Parse(s.Policy.Partitioner)
	l := s.Policy.Lifecycle
	a.durations = []int64{int64(s.Policy.Window), int64(l.ActiveWithin), int64(l.ChurnAfter),
		int64(l.EngagedWithin), int64(l.ProspectChurnAfter)}
	a.forgets = oneOf(a.rng, 0, 0, 0.02, 0.06)
	a.w.forgotten = map[string]bool{}
	a.w.first = a.wall
	a.drawCustomers()
	a.write()
	a.w.reduce(s)
	return &a.w
}

// reduce leaves out the records that the scenario does not send.
func (w *workload) reduce(s *Scenario) {
	var kept []parcel
	for _, p := range w.parcels {
		all := p
		p.records, p.meant = nil, nil
		for i, m := range all.meant {
			if s.sends(w.records, slices.Index(w.customers, m.customer)) {
				p.records, p.meant = append(p.records, all.records[i]), append(p.meant, m)
			}
			w.records++
		}
		if len(p.records) > 0 {
			kept = append(kept, p)
		}
	}
	w.parcels = kept
}

func (a *author) drawCustomers() {
	names := []string{"c-1", "c-2", "ann", "bob", "ü\"\\\n", "e\u2028f", "</x>&", " ", "{0}", "\x7f\x01"}
	a.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	a.regulars = names[:between(a.rng, 2, 8)]
	a.w.customers = slices.Clone(a.regulars)
}

func (a *author) write() {
	total := between(a.rng, 40, 220)
	wave := -1
	if a.s.Wave > 0 {
		wave = a.more.IntN(total)
	}
	old := total
	if a.s.Wall {
		old = int(float64(total) * oneOf(a.rng, 0, 0.2, 0.5, 0.8))
	}
	for i := range total {
		if i == old {
			a.goLive()
		}
		a.passTime()
		if i == wave {
			a.wave()
		}
		a.next()
	}
	if !a.live {
		a.goLive()
	}
	a.w.ended, a.w.lastTick = a.wall, a.tick
}

// goLive ends the part of the log that is there before the run.
func (a *author) goLive() {
	a.live = true
	a.tick = 0
	a.w.began = a.wall
}

// passTime moves the wall clock to where something may just fall due.
func (a *author) passTime() {
	by := int64(0)
	switch {
	case chance(a.rng, 0.35):
	case chance(a.rng, 0.3):
		by = between[int64](a.rng, 1, 3)
	case len(a.past) > 0 && chance(a.rng, 0.4):
		e := a.past[a.rng.IntN(len(a.past))]
		by = e.fact.at + oneOf(a.rng, a.durations...) + between[int64](a.rng, -1, 1) - a.wall
	case chance(a.rng, 0.05):
		by = graceAfterHorizon + a.s.Policy.Horizon() + between[int64](a.rng, -1, 1)
	default:
		by = a.rng.Int64N(2 * a.s.Unit)
	}
	a.advance(max(by, 0))
}

// advance lets time pass.
func (a *author) advance(by int64) {
	a.wall += by
	if !a.live {
		return
	}
	// Of the time that passes, little is simulated: the rest is a leap.
	step := min(by, between[int64](a.rng, 0, 400))
	a.tick += step
	if by > step {
		a.w.leaps = append(a.w.leaps, leap{tick: a.tick, by: by - step})
	}
}

// next sends one record: a fresh event, a copy of an old one, or rubbish.
func (a *author) next() {
	if a.s.Publish == pipeline.PublishAll && chance(a.rng, 0.04) {
		a.void = true
		a.send(a.fresh())
		a.void = false
	}
	switch {
	case chance(a.rng, 0.07):
		a.sendRubbish()
	case len(a.past) > 0 && chance(a.rng, 0.12):
		d := a.past[a.rng.IntN(len(a.past))]
		if chance(a.rng, 0.5) {
			d.occurred = d.fact.at // a retry that names its time
		}
		a.send(d)
	default:
		d := a.fresh()
		a.past = append(a.past, d)
		a.send(d)
	}
}

// fresh makes up an event.
func (a *author) fresh() draft {
	a.serial++
	d := draft{customer: oneOf(a.rng, a.regulars...), occurred: none}
	if a.s.Hot && chance(a.more, 0.3) {
		d.customer = a.regulars[0]
	}
	d.fact = fact{id: fmt.Sprintf("e-%d", a.serial), at: a.eventTime()}
	if d.fact.at != a.wall || chance(a.rng, 0.5) {
		d.occurred = d.fact.at
	}
	switch draw := a.rng.Float64(); {
	case draw < 0.45:
		a.purchase(&d)
	case draw < 0.62:
		a.refund(&d)
	case draw < 1-a.forgets:
		d.fact.kind = "click"
		d.action = oneOf(a.rng, "", "view", "cart_add")
	default:
		d.fact.kind = "forget"
		a.w.forgotten[d.customer] = true
		if chance(a.rng, 0.3) && a.serial > 1 {
			d.fact.id = fmt.Sprintf("f-%d", a.rng.IntN(3)) // forgets that share ids
		}
	}
	return d
}

// eventTime is now, or earlier by something that matters.
func (a *author) eventTime() int64 {
	horizon := a.s.Policy.Horizon()
	switch draw := a.rng.Float64(); {
	case draw < 0.6:
		return a.wall
	case draw < 0.7:
		return a.wall - a.rng.Int64N(a.s.Unit)
	case draw < 0.85 && len(a.past) > 0:
		// Exactly at the time of another event, or a deadline after it.
		e := a.past[a.rng.IntN(len(a.past))]
		return min(a.wall, e.fact.at+oneOf(a.rng, append(a.durations, 0, 0)...)+between[int64](a.rng, -1, 1))
	case draw < 0.9:
		return a.wall - a.rng.Int64N(horizon)
	case draw < 0.95:
		return a.wall - horizon + between[int64](a.rng, -1, 1)
	case draw < 0.96:
		return a.wall - horizon - graceAfterHorizon + between[int64](a.rng, -1, 1)
	}
	// A producer's fast clock.
	return a.wall + oneOf(a.rng, 1, int64(a.s.Policy.MaxFutureSkew), int64(a.s.Policy.MaxFutureSkew)+1, a.s.Unit)
}

// purchase fills in an order, often one that there was already.
func (a *author) purchase(d *draft) {
	d.fact.kind = "purchase"
	if chance(a.rng, 0.3) {
		d.bareID, d.fact.order = true, d.fact.id
	} else {
		d.fact.order = a.order()
	}
	a.price(d)
}

// refund fills in a refund, of an order that may never come.
func (a *author) refund(d *draft) {
	d.fact.kind = "refund"
	d.fact.order = a.order()
	if chance(a.rng, 0.2) {
		d.fact.id = fmt.Sprintf("r-%d", a.rng.IntN(4)) // copies that differ
	}
	if chance(a.rng, 0.3) {
		d.fact.whole = true
		return
	}
	a.price(d)
}

func (a *author) order() string { return fmt.Sprintf("o-%d", a.rng.IntN(7)) }

// send gives a draft to a producer.
func (a *author) send(d draft) {
	topic := topicPurchases
	if d.fact.kind == "click" {
		topic = topicClicks
	}
	if chance(a.rng, 0.1) {
		topic = oneOf(a.rng, inputs...)
	}
	home := a.parts.Partition(d.customer, a.s.Partitions)
	m := meaning{customer: d.customer, fact: d.fact, occurred: d.occurred, forwarded: none}
	d.when = clock(d.occurred)
	if chance(a.more, 0.15) {
		d.when = elsewhere(a.more, d.occurred)
	}
	where := home
	if a.s.Partitions > 1 && chance(a.rng, 0.02) {
		where = (home + 1) % a.s.Partitions
		m.reject = "misplaced"
	}
	a.mail(topic, where, sink.Record{Key: []byte(d.customer), Value: d.json(a.rng)}, m)
}

// mail puts a record into the last parcel or into a new one.
func (a *author) mail(topic string, where int32, r sink.Record, m meaning) {
	r.Time = a.timestamp(&m)
	if chance(a.rng, 0.1) {
		r.Headers = append(r.Headers, sink.Header{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")})
	}
	if m.forwarded = none; r.Time >= 0 && chance(a.rng, 0.05) {
		m.forwarded = a.wall + oneOf[int64](a.rng, -5, 0, 5)
		r.Headers = append(r.Headers, sink.Header{Key: "tidemark-timestamp", Value: fmt.Appendf(nil, "%d", m.forwarded)})
	} else if chance(a.rng, 0.02) {
		r.Headers = append(r.Headers, sink.Header{Key: "tidemark-timestamp", Value: []byte("soon")})
	}
	if n := len(a.w.parcels); n > 0 && chance(a.rng, 0.5) {
		if last := &a.w.parcels[n-1]; !a.void && last.how != aborted && last.topic == topic && last.partition == where && last.tick == a.tick && last.wall == a.wall {
			last.records = append(last.records, r)
			last.meant = append(last.meant, m)
			return
		}
	}
	p := parcel{tick: a.tick, wall: a.wall, topic: topic, partition: where,
		codec:   oneOf(a.rng, recordbatch.None, recordbatch.None, recordbatch.None, recordbatch.None, recordbatch.Snappy, recordbatch.LZ4),
		records: []sink.Record{r}, meant: []meaning{m}}
	if chance(a.rng, 0.03) {
		p.skip = between[int64](a.rng, 1, 5)
	}
	switch {
	case a.void:
		p.how = aborted
	case a.s.Publish == pipeline.PublishAll && chance(a.rng, 0.05):
		p.how = committed
	}
	a.w.parcels = append(a.w.parcels, p)
}

// timestamp is what the producer stamps on the record.
func (a *author) timestamp(m *meaning) int64 {
	switch {
	case m.occurred == none && m.fact.at != none:
		return m.fact.at
	case m.occurred != none && m.occurred <= a.wall && chance(a.rng, 0.02):
		return -1 // none; nothing then keeps a fast clock from moving stream time
	case m.occurred != none && m.occurred <= a.wall && chance(a.rng, 0.3):
		return m.occurred
	}
	return a.wall
}
