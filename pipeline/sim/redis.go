package sim

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
)

// errCut is what a client gets of a connection to a server that went away.
var errCut = errors.New("read: connection reset by peer")

// Redis models one Redis server: what it holds, and every state that it ever
// held, so that it can come back as any of them. A shard's data is never
// modified but replaced, so a former state costs one pointer per shard.
type Redis struct {
	incarnation int   // counts restarts; a connection lives as long as one
	refusal     error // while set, the answer to every command
	shards      map[string]*shardData
	journal     []map[string]*shardData // before each write; the last is before the latest
	durable     int                     // writes that were waited for: roll-backs with durability keep them

	readOnly  error           // while set, the answer to every write
	isolated  bool            // another server is the master; this one has no replica
	lagging   int             // above 0: no replica keeps up
	migrating map[string]bool // shards on their way to another node of a cluster
	moves     map[string]int  // how often each shard was moved: older connections are sent away
}

// shardData is everything under one shard's hash tag. Immutable.
type shardData struct {
	hash      map[string]string
	customers map[string][]byte
	timers    map[string]int64
	outbox    []byte
	history   *history

	state   *store.State // the hash as its last commit wrote it, but for the head
	written []string     // customers of that commit
	unsent  []unsent     // the outbox, read
}

// nothing is a shard that never ran.
var nothing = &shardData{}

// place is where a shard stands in its logs and in time.
func (d *shardData) place() *store.State {
	if d.state == nil {
		fresh := store.NewState(inputs)
		return &fresh
	}
	return d.state
}

// NewRedis returns an empty server.
func NewRedis() *Redis {
	return &Redis{shards: map[string]*shardData{}, migrating: map[string]bool{}, moves: map[string]int{}}
}

// Promote returns the replica that takes the server's place. It has everything
// before the write-th write. The server lives on beside it.
func (r *Redis) Promote(write int) *Redis {
	heir := NewRedis()
	heir.shards, heir.journal, heir.durable = r.shards, r.journal[:write:write], min(r.durable, write)
	if write < len(r.journal) {
		heir.shards = r.journal[write]
	}
	return heir
}

// data is what the server holds of a shard.
func (r *Redis) data(shard string) *shardData {
	if d := r.shards[shard]; d != nil {
		return d
	}
	return nothing
}

// replace writes a shard's data and keeps the state before.
func (r *Redis) replace(shard string, d *shardData) {
	r.journal = append(r.journal, r.shards)
	r.shards = maps.Clone(r.shards)
	r.shards[shard] = d
}

// Restart cuts every connection. The server comes back as it was.
func (r *Redis) Restart() { r.incarnation++ }

// RollBack restarts the server as it was before the write-th write of its life,
// which may be a state that a former roll-back had left behind.
func (r *Redis) RollBack(write int) {
	r.Restart()
	r.journal = append(r.journal, r.shards)
	r.shards = r.journal[write]
}

// Empty restarts the server with nothing in it.
func (r *Redis) Empty() {
	r.Restart()
	r.journal = append(r.journal, r.shards)
	r.shards = map[string]*shardData{}
}

// Writes is how many states there are to roll back to.
func (r *Redis) Writes() int { return len(r.journal) }

// tokenAt is the token of a shard's head before a write.
func (r *Redis) tokenAt(write int, shard string) string {
	d := r.journal[write][shard]
	if d == nil {
		return ""
	}
	token, _, _ := strings.Cut(d.hash["head"], ":")
	return token
}

// Refuse makes every command fail with err (LOADING, READONLY, OOM …) until it
// is called with nil.
func (r *Redis) Refuse(err error) { r.refusal = err }

// conn is one client connection. Unlike a store.Session it goes on after an
// error, as a server does: what the client makes of an error is his business.
type conn struct {
	redis       *Redis
	incarnation int
	shard       string
	topics      []string
	known       store.State // of a planted bug: what the client last counted
	moves       int         // of the shard, when the connection was made
}

func (r *Redis) connect(shard string, topics []string) *conn {
	return &conn{redis: r, incarnation: r.incarnation, shard: shard, topics: topics, moves: r.moves[shard]}
}

// check is what happens to a command before it is looked at.
func (c *conn) check() error {
	switch {
	case c.incarnation != c.redis.incarnation:
		return errCut
	case c.moves != c.redis.moves[c.shard]:
		return refusal("MOVED 3999 127.0.0.1:6381")
	case c.redis.refusal == nil && c.redis.migrating[c.shard]:
		return refusal("ASK 3999 127.0.0.1:6381")
	}
	return c.redis.refusal
}

// checkWrite is what happens to a write. One of a shard on its way to another
// node has some of its keys here and some there.
func (c *conn) checkWrite() error {
	if c.incarnation == c.redis.incarnation && c.redis.migrating[c.shard] {
		return refusal("TRYAGAIN Multiple keys request during rehashing of slot")
	}
	if err := c.check(); err != nil {
		return err
	}
	return c.redis.readOnly
}

func (c *conn) head() (store.State, error) {
	if err := c.check(); err != nil {
		return store.State{}, err
	}
	return store.ParseState(c.redis.data(c.shard).hash, c.topics)
}

func (c *conn) takeOver(expect, fresh string) (store.State, []byte, error) {
	if err := c.checkWrite(); err != nil {
		return store.State{}, nil, err
	}
	old := c.redis.data(c.shard)
	if old.hash["head"] != expect {
		return store.State{}, nil, store.ErrFenced
	}
	d := *old
	d.hash = maps.Clone(old.hash)
	if d.hash == nil {
		d.hash = map[string]string{}
	}
	d.hash["head"] = fresh
	c.redis.replace(c.shard, &d)
	state, err := store.ParseState(d.hash, c.topics)
	c.known = state.Clone()
	return state, bytes.Clone(d.outbox), err
}

func (c *conn) load(customers []string) ([][]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	d := c.redis.data(c.shard)
	values := make([][]byte, len(customers))
	for i, id := range customers {
		values[i] = bytes.Clone(d.customers[id])
	}
	return values, nil
}

func (c *conn) due(from int64, limit int) ([]store.Timer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	timers := c.redis.data(c.shard).due(from)
	return timers[:min(limit, len(timers))], nil
}

// wait makes everything written so far durable.
func (c *conn) wait() error {
	if err := c.check(); err != nil {
		return err
	}
	if c.redis.isolated || c.redis.lagging > 0 {
		return errNotDurable
	}
	c.redis.durable = len(c.redis.journal)
	return nil
}

// due returns the timers from an instant on, by time and then by customer.
func (d *shardData) due(from int64) []store.Timer {
	var timers []store.Timer
	for id, at := range d.timers {
		if at >= from {
			timers = append(timers, store.Timer{Customer: id, At: at})
		}
	}
	slices.SortFunc(timers, func(a, b store.Timer) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return strings.Compare(a.Customer, b.Customer)
	})
	return timers
}

// commit applies a batch. observed are the records that the batch consumed: the
// simulator's own knowledge, which goes wherever the state goes.
func (c *conn) commit(b *store.Commit, observed []observation) error {
	if err := c.checkWrite(); err != nil {
		return err
	}
	b = c.mutateCounts(b)
	old := c.redis.data(c.shard)
	if old.hash["head"] != b.Head && !planted.HeadCheckSkipped.On() {
		return store.ErrFenced
	}
	c.redis.replace(c.shard, old.apply(b, observed))
	return nil
}

// apply returns the data after a batch.
func (d *shardData) apply(b *store.Commit, observed []observation) *shardData {
	next := shardData{
		hash:      maps.Clone(d.hash),
		customers: maps.Clone(d.customers),
		timers:    maps.Clone(d.timers),
		outbox:    bytes.Clone(b.Outbox),
		history:   d.history.with(observed),
		state:     b.State,
	}
	if next.hash == nil {
		next.hash = map[string]string{}
	}
	fields := b.State.Fields(nil)
	for i := 0; i < len(fields); i += 2 {
		next.hash[fields[i]] = fields[i+1]
	}
	if next.customers == nil {
		next.customers = map[string][]byte{}
	}
	for _, e := range b.Customers {
		next.written = append(next.written, e.Customer)
		if e.Value == nil {
			delete(next.customers, e.Customer)
			continue
		}
		next.customers[e.Customer] = append([]byte{}, e.Value...)
	}
	if next.timers == nil {
		next.timers = map[string]int64{}
	}
	for _, t := range b.Timers {
		if t.At == instant.None {
			delete(next.timers, t.Customer)
			continue
		}
		next.timers[t.Customer] = t.At
	}
	return &next
}
