package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/cespare/xxhash/v2"
)

// shard is the verification of one shard.
type shard struct {
	v      *verifier
	number int32
	hash   *hash
	report Report

	samples samples
	linear  bool               // it never went back behind what was published
	counts  []map[string]int64 // recomputed, by topic
	room    [2]tallies         // by how much the counted outcomes may be less, and more, as the log leaves them open
	dropped [2]int64           // refunds that waited in vain: at least, at most
	sizes   [states]int64      // of the stored customers
	armed   int64              // of them
	changes int64              // distinct ones
	vague   bool               // of some customer it is not known what became of each event

	slice, slices uint64
	people        map[string]*customer
	ids           map[string]*told
}

// customer is everything about one customer of the slice.
type customer struct {
	id      string
	facts   []fact    // in the order of the merge
	byTopic [][]int32 // numbers of the facts of each topic
	chain   []*told
	stored  *stored // nil: not in Redis
	broken  error   // why his stored value cannot be read
}

// What one fact and one change take in memory, about.
const (
	factBytes = 200
	toldBytes = 1200
)

// run verifies the shard. An error says why it cannot be verified; what is wrong
// with it is in the report.
func (s *shard) run(ctx context.Context) error {
	raw, err := s.v.keys.hash(ctx, s.number)
	if err != nil {
		return err
	}
	if s.hash, err = parseHash(raw, s.v.Inputs); err != nil {
		return err
	}
	if err := s.refuse(ctx); err != nil {
		return err
	}
	s.linear = s.hash.adopted == 0 && !s.hash.adopting
	s.samples.topics = len(s.v.Inputs)
	for range s.v.Inputs {
		s.counts = append(s.counts, map[string]int64{})
	}
	s.room = [2]tallies{make(tallies, len(s.v.Inputs)), make(tallies, len(s.v.Inputs))}
	for s.slice = range s.slices {
		if err := s.verifySlice(ctx); err != nil {
			return err
		}
	}
	if err := s.account(ctx); err != nil {
		return err
	}
	head, err := s.v.keys.head(ctx, s.number)
	if err == nil && head != s.hash.head {
		err = fmt.Errorf("shard %d moved on while it was verified: drain the workers first", s.number)
	}
	return err
}

// refuse finds what makes the shard impossible to verify, and how many slices
// its customers have to be taken in.
func (s *shard) refuse(ctx context.Context) error {
	if version := s.v.Policy.Version(); s.hash.policy != "" && s.hash.policy != version {
		return fmt.Errorf("shard %d was made by policy version %s, not %s (%s): verify with its configuration",
			s.number, s.hash.policy, version, s.v.Policy.Name)
	}
	if s.v.Replay && s.hash.silent() != nil {
		return fmt.Errorf("shard %d was started with publish: %s, which no replay is: verify it without --replay", s.number, s.hash.start.Publish)
	}
	var bytes int64
	for i, topic := range s.v.Inputs {
		l, err := s.open(ctx, topic)
		if err != nil {
			return err
		}
		p := &s.hash.places[i]
		if l.start > 0 && p.next > 0 {
			return fmt.Errorf("topic %s begins at offset %d in partition %d: verify needs the log from its beginning", topic, l.start, s.number)
		}
		if p.next > l.end {
			s.differ("", "next offset of "+topic, fmt.Sprint(p.next), fmt.Sprintf("at most %d, where the log ends", l.end))
		}
		bytes += p.next * factBytes
	}
	l, err := s.open(ctx, s.v.Changes)
	if err != nil {
		return err
	}
	bytes += l.end * toldBytes
	s.slices = uint64(bytes/s.v.shardBytes) + 1
	return nil
}

// mine reports whether a customer is in the present slice.
func (s *shard) mine(id string) bool {
	return s.slices == 1 || xxhash.Sum64String(id)%s.slices == s.slice
}

func (s *shard) customer(id string) *customer {
	c := s.people[id]
	if c == nil {
		c = &customer{id: string([]byte(id))}
		s.people[c.id] = c
	}
	return c
}

func (s *shard) verifySlice(ctx context.Context) error {
	s.people, s.ids = map[string]*customer{}, map[string]*told{}
	if err := s.published(ctx, s.hear); err != nil {
		return err
	}
	if s.slice == 0 && s.samples.crossed {
		if s.linear {
			s.differ("", "positions of changes", "contradict each other", "one way through the log")
		}
		s.linear = false
	}
	if !s.linear || s.v.Replay {
		s.samples.clear() // nothing follows from them, or nothing has to
	}
	if err := s.events(ctx, s.slice == 0); err != nil {
		return err
	}
	if err := s.v.keys.customers(ctx, s.number, s.mine, s.store); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(s.people)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.verify(s.people[id])
	}
	return nil
}

// hear takes in a published change of the slice.
func (s *shard) hear(t *told) {
	if before := s.ids[t.id]; before != nil {
		if string(before.value) != string(t.value) {
			s.differ(t.customer, "change "+t.id, string(t.value), string(before.value))
		}
		if !t.unsent && !before.unsent {
			s.report.Repeats++
		}
		return
	}
	s.ids[t.id] = t
	s.changes++
	s.report.Changes++
	if t.unsent {
		s.report.Unsent++
	}
	c := s.customer(t.customer)
	c.chain = append(c.chain, t)
}

// store takes in a customer of the slice as Redis has him.
func (s *shard) store(f *found) {
	c := s.customer(f.id)
	if c.stored != nil || c.broken != nil || f.value == nil {
		return // found twice, or gone
	}
	if c.stored, c.broken = parseStored(f.value); c.broken != nil {
		return
	}
	c.stored.timer = f.timer
	s.sizes[c.stored.person.segment]++
	if c.stored.armed != none {
		s.armed++
	}
}

// verify judges one customer.
func (s *shard) verify(c *customer) {
	if c.broken != nil {
		s.differ(c.id, "stored value", c.broken.Error(), "a customer")
		return
	}
	if s.v.partitioner.Partition(c.id, s.v.partitions) != s.number {
		s.differ(c.id, "shard", fmt.Sprint(s.number), fmt.Sprint(s.v.partitioner.Partition(c.id, s.v.partitions)))
		return
	}
	s.report.Customers++
	c.index(len(s.v.Inputs))
	switch {
	case s.v.Replay && s.linear:
		s.verifyExact(c)
	case s.linear:
		s.verifyLive(c)
	default:
		s.verifyRewound(c)
	}
}

// index sorts the facts by topic and finds how many of them lie before each
// change.
func (c *customer) index(topics int) {
	c.byTopic = make([][]int32, topics)
	for i := range c.facts {
		topic := c.facts[i].topic
		c.byTopic[topic] = append(c.byTopic[topic], int32(i))
	}
	for _, t := range c.chain {
		t.need = make([]int, topics)
		for topic, offset := range t.position.offsets {
			t.need[topic] = sort.Search(len(c.byTopic[topic]), func(i int) bool {
				return c.facts[c.byTopic[topic][i]].offset >= offset
			})
		}
	}
}
