package pipeline

import (
	"strings"

	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
)

// entry is one customer in a shard's memory.
type entry struct {
	id      string
	profile profile.Profile
	loaded  bool // the profile is what the store holds, or newer
	dirty   bool // changed in the open batch
	rearmed bool // his timer is in the commit being laid out
	size    int  // bytes counted in the cache

	turn         uint32 // of the batch in which he was used last
	older, newer *entry
}

// cache holds the customers of a shard, the least recently used leaving first
// when the byte budget is exceeded. The single writer keeps it true.
type cache struct {
	budget  int
	bytes   int
	entries map[string]*entry
	ring    entry  // ring.older is the most recently used
	turn    uint32 // counts batches
	largest int    // entry that it ever held, in bytes
}

// entryOverhead approximates an entry without its profile and id: the struct,
// its place in the map.
const entryOverhead = 120

func newCache(budget int) *cache {
	c := &cache{budget: budget, entries: map[string]*entry{}}
	c.ring.older, c.ring.newer = &c.ring, &c.ring
	return c
}

// get returns the customer's entry, a new one without a profile if he is not
// here, and whether he was.
func (c *cache) get(id string) (*entry, bool) {
	if e := c.entries[id]; e != nil {
		if e.turn != c.turn { // once per batch is use enough to stay
			e.turn = c.turn
			e.unlink()
			c.link(e)
		}
		return e, true
	}
	e := &entry{id: strings.Clone(id), profile: profile.New(), turn: c.turn}
	c.entries[e.id] = e
	c.link(e)
	c.resize(e)
	return e, false
}

// resize counts what the entry takes now.
func (c *cache) resize(e *entry) {
	size := entryOverhead + 2*len(e.id) + e.profile.Size()
	c.bytes += size - e.size
	e.size = size
	c.largest = max(c.largest, size)
}

// shrink lets the least recently used go until the budget is met. Customers of
// the open batch stay: their state is nowhere else.
func (c *cache) shrink() {
	for e := c.ring.newer; c.bytes > c.budget && e != &c.ring; {
		next := e.newer
		if e.loaded && (!e.dirty || planted.DirtyEvicted.On()) {
			e.unlink()
			delete(c.entries, e.id)
			c.bytes -= e.size
		}
		e = next
	}
}

// link puts e in front: ring.older is the newest, ring.newer the oldest.
func (c *cache) link(e *entry) {
	e.older, e.newer = c.ring.older, &c.ring
	e.older.newer, c.ring.older = e, e
}

func (e *entry) unlink() {
	e.older.newer, e.newer.older = e.newer, e.older
}
