package sim

import (
	"math/rand/v2"
	"time"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Names of the topics and of the namespace. The input topics are in the order
// of their names.
const (
	topicClicks    = "clicks"
	topicPurchases = "purchases"
	topicChanges   = "segment-changes"
	topicDead      = "dead-letters"
	namespace      = "sim"
	cloudSource    = "tidemark/" + namespace
)

var inputs = []string{topicClicks, topicPurchases}

// Scenario is everything about a run that is settled before it begins. One seed
// gives one scenario.
type Scenario struct {
	Seed       uint64
	Salt       uint64 // another course of events
	Wall       bool   // clock: wall; else event
	Partitions int32
	DeadParts  int32
	AppendTime map[string]bool // input topics with LogAppendTime
	Publish    string          // start.publish
	Until      int64           // clock event; unix ms
	Grace      int64           // timer_grace, ms
	Durable    bool            // redis.durability: roll-backs lose nothing that was waited for
	Policy     *policy.Policy
	Unit       int64 // ms; the durations of the policy are small multiples of it
	Limits     pipeline.Limits
	Workers    int
	Faults     faults
	Truncation truncation
	Epoch      int64 // where the log begins, unix ms
	Hot        bool  // one customer has 30 % of the events, and his share of the others
	Wave       int   // customers who come at one moment and move at another one

	leftOut []int  // customers of whom nothing is sent
	sent    []span // records that are sent, nil: all
}

// streams of the seed's randomness. The workload does not depend on what the
// faults draw, so a run without faults has the same one.
const (
	streamScenario = iota + 1
	streamWorkload
	streamWorld
	streamUntil
	streamMore
	streamMoreWorkload
	streamMoreWorld
)

func stream(seed uint64, n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }

// chance is true with probability p.
func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

// between draws from low to high, both included.
func between[T int | int32 | int64](rng *rand.Rand, low, high T) T {
	return low + T(rng.Int64N(int64(high-low)+1))
}

// oneOf draws one of several values.
func oneOf[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

// NewScenario derives a run from its seed.
func NewScenario(seed uint64) Scenario {
	rng := stream(seed, streamScenario)
	s := Scenario{
		Seed:       seed,
		Wall:       chance(rng, 0.5),
		Partitions: oneOf[int32](rng, 1, 1, 2, 2, 3, 4),
		DeadParts:  between[int32](rng, 1, 3),
		Publish:    oneOf(rng, pipeline.PublishAll, pipeline.PublishAll, pipeline.PublishSnapshot, pipeline.PublishNone),
		Until:      instant.None,
		Grace:      oneOf[int64](rng, 250, 500, 2000, 5000),
		Durable:    chance(rng, 0.15),
		Workers:    between(rng, 1, 3),
		AppendTime: map[string]bool{topicClicks: chance(rng, 0.5), topicPurchases: chance(rng, 0.5)},
	}
	s.Unit = oneOf(rng, int64(policy.Minute), int64(policy.Hour), int64(policy.Day))
	s.Policy = drawPolicy(rng, s.Unit)
	s.Limits = drawLimits(rng)
	s.Faults = drawFaults(rng)
	s.Truncation = drawTruncation(rng, &s)
	s.drawMore(stream(seed, streamMore))
	return s
}

// drawMore draws what came later, from randomness of its own: a seed that once
// failed goes on to make the rest of its world.
func (s *Scenario) drawMore(rng *rand.Rand) {
	s.Faults.drawMore(rng, s)
	s.Epoch = epoch
	if chance(rng, 0.3) {
		s.Epoch = oneOf(rng, epochs...)
	}
	if chance(rng, 0.1) {
		s.drawYears()
	}
	switch draw := rng.Float64(); {
	case draw < 0.1:
		s.Hot = true
	case draw < 0.12:
		s.Wave = between(rng, 1000, 3000)
		s.Limits.BatchCustomers, s.Limits.BatchRecords, s.Limits.StageRecords = between(rng, 20, 500), 5000, between(rng, 20, 1000)
		s.Limits.TimerPiece, s.Limits.OutboxBytes = between(rng, 20, 500), 200_000
		s.Limits.LivePiece = s.Limits.TimerPiece / 4
	}
}

// drawYears takes the windows that analysts have: of a year, of 180, 90 and 30
// days. The log then reaches over some years.
func (s *Scenario) drawYears() {
	p := policy.Default()
	p.Partitioner, p.BaseCurrency, p.Rates = s.Policy.Partitioner, s.Policy.BaseCurrency, s.Policy.Rates
	s.Policy, s.Unit = p, 30*int64(policy.Day)
}

// epochs are just before something that calendars know and the clock of the
// contract does not.
var epochs = []int64{
	time.Date(2027, 12, 31, 22, 0, 0, 0, time.UTC).UnixMilli(),  // a year ends, and the next has a leap day
	time.Date(2028, 2, 28, 20, 0, 0, 0, time.UTC).UnixMilli(),   // the leap day
	time.Date(2100, 2, 28, 20, 0, 0, 0, time.UTC).UnixMilli(),   // there is none
	time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC).UnixMilli(),   // Europe's summer time begins
	time.Date(2026, 10, 24, 23, 0, 0, 0, time.UTC).UnixMilli(),  // and ends
	time.Date(2016, 12, 31, 23, 59, 0, 0, time.UTC).UnixMilli(), // a leap second
}

// drawPolicy draws short durations, so that a few dozen events meet every
// boundary, and now and then ones that no analyst would write.
func drawPolicy(rng *rand.Rand, unit int64) *policy.Policy {
	units := func(low, high int64) policy.Duration { return policy.Duration(unit * between(rng, low, high)) }
	p := policy.Default()
	p.Name = oneOf(rng, "default", "short \"windows\"", "größer")
	p.Partitioner = oneOf(rng, "murmur2", "crc32", "fnv1a")
	p.BaseCurrency = oneOf(rng, "EUR", "EUR", "JPY", "BHD")
	p.Rates = map[string]string{"USD": oneOf(rng, "0.5", "0.92", "1.005", "150")}
	p.MaxFutureSkew = oneOf(rng, 0, policy.Minute, policy.Duration(unit))
	p.MaxEventBytes = oneOf(rng, 1<<20, 700)
	p.Window = units(2, 20)
	if chance(rng, 0.3) {
		p.LateHorizon = units(1, 40)
	}
	if chance(rng, 0.4) {
		p.MaxLedgerOrders = between(rng, 1, 4)
	}
	l := &p.Lifecycle
	l.LoyalOrders = between(rng, 1, 3)
	l.ActiveWithin = units(1, 4)
	l.ChurnAfter = l.ActiveWithin + units(0, 5)
	l.EngagedWithin = units(1, 3)
	l.ProspectChurnAfter = l.EngagedWithin + units(0, 4)
	if chance(rng, 0.15) {
		l.ActiveWithin, l.ChurnAfter, l.EngagedWithin, l.ProspectChurnAfter = units(0, 5), units(0, 5), units(0, 5), units(0, 5)
	}
	return p
}

// drawLimits draws bounds that are met all the time.
func drawLimits(rng *rand.Rand) pipeline.Limits {
	l := pipeline.DefaultLimits()
	l.BatchCustomers = between(rng, 1, 10)
	l.BatchRecords = between(rng, 1, 50)
	l.StageRecords = between(rng, 1, 20)
	l.TimerPiece = between(rng, 1, 4)
	l.LivePiece = (l.TimerPiece + 1) / 2
	l.BufferBytes = between(rng, 1, 4000)
	l.FetchBytes = between(rng, 200, 3000)
	l.CacheBytes = oneOf(rng, 1, 1000, 4000, 64<<20)
	l.OutboxBytes = between(rng, 200, 8000)
	l.PublishBytes = between(rng, 1, 3000)
	if chance(rng, 0.2) {
		l.BatchBytes = between(rng, 1, 2000)
	}
	if chance(rng, 0.1) {
		return pipeline.DefaultLimits()
	}
	return l
}

// rules are the policy's numbers for the model.
func (s *Scenario) rules() *ruleset {
	p := s.Policy
	decimals := map[string]int{"EUR": 2, "JPY": 0, "BHD": 3}
	return &ruleset{
		window: int64(p.Window), horizon: max(int64(p.Window), int64(p.LateHorizon)),
		active: int64(p.Lifecycle.ActiveWithin), churn: int64(p.Lifecycle.ChurnAfter),
		engaged: int64(p.Lifecycle.EngagedWithin), prospect: int64(p.Lifecycle.ProspectChurnAfter),
		loyalOrders: p.Lifecycle.LoyalOrders, ledgerOrders: p.MaxLedgerOrders,
		skew: int64(p.MaxFutureSkew), grace: s.Grace,
		policyName: p.Name, policyVersion: p.Version(), baseISO: p.BaseCurrency, decimals: decimals[p.BaseCurrency],
	}
}

// drawUntil ends some replays before, at or after the end of their log. Those
// publish everything, as the command does.
func drawUntil(s *Scenario, w *workload) int64 {
	rng := stream(s.Seed, streamUntil)
	if s.Wall || s.Publish != pipeline.PublishAll || s.Truncation.accepted || chance(rng, 0.4) {
		return instant.None
	}
	if chance(rng, 0.3) {
		return between(rng, s.Epoch, w.ended)
	}
	return w.ended + rng.Int64N(10*s.Unit)
}
