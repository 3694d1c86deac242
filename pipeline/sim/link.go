package sim

import (
	"fmt"
	"strconv"

	"github.com/tidemark/tidemark/pipeline"
)

// link is one connection to Redis as the client has it: commands take effect in
// the order in which they were sent, and the first error ends it.
type link struct {
	run    *run
	conn   *conn
	opened int64 // virtual µs; before, when the first command was sent
	free   int64 // when the last command sent reaches the server
	broken error
	dead   bool // nothing that is still under way arrives
}

// shardKey is the hash tag of a shard on the model.
func shardKey(number int32) string { return namespace + "/" + strconv.Itoa(int(number)) }

// askRedis sends a command. A head begins a new connection.
func (r *run) askRedis(op *pipeline.Op) {
	w := r.w
	if op.Kind == pipeline.OpHead {
		r.link = &link{run: r, opened: w.now}
		r.observed = nil // they were of an ownership that is over
	}
	l := r.link
	r.links[op] = l
	if l.broken != nil {
		r.worker.soon(0, func() {
			op.Err = l.broken
			r.finish(op)
		})
		return
	}
	var observed []observation
	if op.Kind == pipeline.OpCommit {
		observed, r.observed = r.observed, nil
		w.totals.Commits++
	}
	f := w.fate(redisTimeout)
	f.twice = false
	if f.there < forever {
		// One connection: nothing overtakes.
		l.free = max(l.free, w.now+f.there)
		f.there = l.free - w.now
	}
	r.request(op, f, redisTimeout, func() func() {
		if l.dead {
			return func() { op.Err = errCut }
		}
		if l.conn == nil {
			l.conn, l.opened = w.redis.connect(shardKey(r.number), inputs), w.now
		}
		return l.perform(op, observed)
	})
}

// perform lets a command have its effect and returns what the answer will do.
func (l *link) perform(op *pipeline.Op, observed []observation) func() {
	result := l.command(l.conn, op, observed)
	return func() {
		if l.broken != nil {
			op.Err = l.broken
			return
		}
		result()
	}
}

// own notes who took a shard over. Who did so after this worker had asked the
// group is its rightful owner, and must not lose it to a zombie; but in a
// fail-over each of two masters has an owner.
func (r *run) own(server *Redis) {
	before := r.w.owners[r.number]
	if before != nil && before != r && before.tookOn == server && before.tookAt > r.askedAt {
		r.w.failf("worker %d takes shard %d from worker %d, whom the group gave it to since", r.worker.id, r.number, before.worker.id)
	}
	r.tookAt, r.tookOn = r.w.now, server
	r.w.owners[r.number] = r
}

func (l *link) command(c *conn, op *pipeline.Op, observed []observation) func() {
	l.run.translate(op)
	switch op.Kind {
	case pipeline.OpHead:
		state, err := c.head()
		return func() { op.State, op.Err = state, err }
	case pipeline.OpTake:
		state, outbox, err := c.takeOver(op.Expect, op.Fresh)
		if err == nil {
			l.run.own(c.redis)
		}
		return func() { op.State, op.Outbox, op.Err = state, outbox, err }
	case pipeline.OpLoad:
		values, err := c.load(op.Customers)
		return func() {
			op.Values, op.Err = values, err
			l.run.translate(op)
		}
	case pipeline.OpDue:
		timers, err := c.due(op.From, op.Limit)
		return func() { op.Timers, op.Err = timers, err }
	case pipeline.OpCommit:
		before := c.redis.data(c.shard)
		err := c.commit(op.Commit, observed)
		if err == nil {
			l.run.w.examine(l.run, before, c.redis.data(c.shard), observed)
		}
		return func() { op.Err = err }
	case pipeline.OpWait:
		err := c.wait()
		return func() { op.Err = err }
	}
	return func() { op.Err = fmt.Errorf("redis knows no %s", op.Kind) }
}
