package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pkg/policy"
)

// letStrangerIn has a worker of another configuration join the group for a
// while: it is given shards, may touch none of them, and the others go on.
func (w *World) letStrangerIn() {
	for number := range w.s.Partitions {
		if w.redis.data(shardKey(number)).hash["policy"] == "" {
			return // the namespace is not made yet: its own record turns strangers away
		}
	}
	k := newWorker(w, len(w.workers)+100+int(w.totals.Strangers))
	k.release = w.s.release()
	if k.partitions = w.s.Partitions; chance(w.more, 0.5) {
		k.partitions++
	} else {
		other := *w.s.Policy
		other.Window += policy.Duration(w.s.Unit)
		k.policy = &other
	}
	w.totals.Strangers++
	w.tracef("worker %d is a stranger", k.id)
	k.start()
	w.after(between[int64](w.more, 500, 6000)*1000, func() {
		w.group.leave(k.name)
		k.die()
		k.barred = true
	})
	w.strangers = append(w.strangers, k)
}

// excuses reports that a stop tells of this worker and not of its shard: another
// one may go on.
func (k *Worker) excuses(code string) bool {
	switch code {
	case "policy-differs":
		return k.policy != nil
	case "partitions-differ":
		return k.partitions != k.w.s.Partitions
	case "state-unreadable":
		return k.w.s.Faults.Upgrade && k.release == thisRelease
	}
	return false
}

// Releases of the workers in a rolling upgrade.
const (
	thisRelease = iota // the one under test
	nextRelease        // stores profiles of a newer schema; knows both
)

// release is what every worker runs in the end.
func (s *Scenario) release() int {
	if s.Faults.Upgrade {
		return nextRelease
	}
	return thisRelease
}

// release restarts one worker with the other release: forwards, or back again.
func (w *World) release() {
	k := w.workers[w.more.IntN(len(w.workers))]
	if k.barred {
		return
	}
	k.release = nextRelease - k.release
	w.tracef("worker %d becomes release %d", k.id, k.release)
	w.totals.Upgrades++
	k.die()
	w.after(between[int64](w.more, 20, 1000)*1000, k.start)
}

// The stored form of the next release: schema 2, in which a profile has one more
// field.
var (
	thisSchema = []byte{1 << 3, 1}
	nextSchema = []byte{1 << 3, 2}
	nextField  = binary.AppendUvarint([]byte{15 << 3}, 77)
)

// upgraded is a value as the next release stores it.
func upgraded(value []byte) []byte {
	at := bytes.IndexByte(value, '\n') + 1
	if !bytes.HasPrefix(value[at:], thisSchema) {
		return value
	}
	next := append(bytes.Clone(value[:at]), nextSchema...)
	return append(append(next, value[at+len(thisSchema):]...), nextField...)
}

// understood is a value as the next release understands it, of whichever release
// it is.
func understood(value []byte) []byte {
	at := bytes.IndexByte(value, '\n') + 1
	if value == nil || !bytes.HasPrefix(value[at:], nextSchema) {
		return value
	}
	was := append(bytes.Clone(value[:at]), thisSchema...)
	return append(was, bytes.TrimSuffix(value[at+len(nextSchema):], nextField)...)
}

// translate has a worker of the next release load and store its own form.
func (r *run) translate(op *pipeline.Op) {
	if r.worker.release != nextRelease {
		return
	}
	switch op.Kind {
	case pipeline.OpLoad:
		for i, value := range op.Values {
			op.Values[i] = understood(value)
		}
	case pipeline.OpCommit:
		for i := range op.Commit.Customers {
			if e := &op.Commit.Customers[i]; e.Value != nil {
				e.Value = upgraded(e.Value)
			}
		}
	}
}

// stop notes that a shard stopped. Only the damage that was done excuses it, or
// what is wrong with the worker.
func (w *World) stop(r *run, stop *pipeline.Stop) {
	if r.worker.excuses(stop.Code) {
		if !r.refused {
			r.refused = true
			w.totals.Refused++
			w.tracef("worker %d leaves shard %d alone: %s: %v", r.worker.id, r.number, stop.Code, stop)
		}
		return
	}
	number := r.number
	if w.stopped[number] != "" {
		return
	}
	w.tracef("shard %d stops: %s: %v", number, stop.Code, stop)
	w.stopped[number] = stop.Code
	w.totals.Stops++
	if w.expected[number] != stop.Code && w.allowed[number] != stop.Code && !w.mayStop(number, stop.Code) {
		w.fail(fmt.Errorf("shard %d stops with %s (%w), expected %q", number, stop.Code, stop, w.expected[number]))
	}
}
