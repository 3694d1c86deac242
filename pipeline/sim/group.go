package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pipeline"
)

// Times of the consumer group, virtual ms.
const (
	heartbeatEvery = 700
	sessionTimeout = 3000
	drainTimeout   = 2000
)

// rebalanceTimeout is as the engine wants it.
var rebalanceTimeout = pipeline.RebalanceTimeout(sessionTimeout*time.Millisecond, heartbeatEvery*time.Millisecond, drainTimeout*time.Millisecond).Milliseconds()

// What a coordinator answers to a member that is not what it thinks.
var (
	errUnknownMember = errors.New("the coordinator does not know this member")
	errRebalancing   = errors.New("the group is rebalancing")
	errGeneration    = errors.New("the offsets are of another generation")
)

// coordinator models a consumer group with eager rebalancing: at every change
// of its members all of them give up everything and join again.
type coordinator struct {
	w           *World
	generation  int
	members     []*member // by name
	rebalancing bool
	round       int // counts rebalances, so that an old round's time-out does nothing
}

// member is one process in the group.
type member struct {
	name   string
	worker *Worker
	beat   int64 // virtual ms of the last sign of life
	joined bool  // waits for the next generation
	shards []int32
}

func newCoordinator(w *World) *coordinator { return &coordinator{w: w} }

func (c *coordinator) member(name string) *member {
	for _, m := range c.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// join enters a member, or brings one back into a rebalance.
func (c *coordinator) join(name string, worker *Worker) {
	m := c.member(name)
	if m == nil {
		m = &member{name: name, worker: worker}
		c.members = append(c.members, m)
		slices.SortFunc(c.members, func(a, b *member) int {
			if a.name < b.name {
				return -1
			}
			return 1
		})
	}
	m.beat, m.joined = c.w.tick(), true
	c.rebalance()
	c.form()
}

// leave takes a member out.
func (c *coordinator) leave(name string) {
	if c.member(name) == nil {
		return
	}
	c.members = slices.DeleteFunc(c.members, func(m *member) bool { return m.name == name })
	c.rebalance()
	c.form()
}

// heartbeat is a member's sign of life.
func (c *coordinator) heartbeat(name string, generation int) error {
	m := c.member(name)
	if m == nil {
		return errUnknownMember
	}
	m.beat = c.w.tick()
	if c.rebalancing {
		return errRebalancing
	}
	return c.check(name, generation)
}

// check answers a member that wants to commit offsets, which is a sign of life.
// Those of the generation that is ending are taken.
func (c *coordinator) check(name string, generation int) error {
	m := c.member(name)
	if m == nil {
		return errUnknownMember
	}
	if generation != c.generation {
		return errGeneration
	}
	m.beat = c.w.tick()
	return nil
}

// watch expels members that show no sign of life.
func (c *coordinator) watch() {
	before := len(c.members)
	c.members = slices.DeleteFunc(c.members, func(m *member) bool {
		return !m.joined && c.w.tick()-m.beat > sessionTimeout
	})
	if len(c.members) != before {
		c.rebalance()
		c.form()
	}
	c.w.after(500*1000, c.watch)
}

// rebalance asks all members to join again.
func (c *coordinator) rebalance() {
	if c.rebalancing {
		return
	}
	c.rebalancing = true
	c.round++
	round := c.round
	c.w.after(rebalanceTimeout*1000, func() {
		if c.rebalancing && c.round == round {
			c.members = slices.DeleteFunc(c.members, func(m *member) bool { return !m.joined })
			c.form()
		}
	})
}

// form begins the next generation once everybody is there, and spreads the
// shards over it: same partition numbers of all topics together.
func (c *coordinator) form() {
	if !c.rebalancing || len(c.members) == 0 || slices.ContainsFunc(c.members, func(m *member) bool { return !m.joined }) {
		return
	}
	c.rebalancing = false
	c.generation++
	shift := c.w.rng.IntN(len(c.members))
	for _, m := range c.members {
		m.shards, m.joined = nil, false
	}
	for shard := range c.w.s.Partitions {
		m := c.members[(int(shard)+shift)%len(c.members)]
		m.shards = append(m.shards, shard)
	}
	for _, m := range c.members {
		generation, shards := c.generation, m.shards
		m.worker.hear(m.name, func() { m.worker.assigned(m.name, generation, shards) })
	}
}
