package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// Times of I/O, virtual µs.
const (
	redisTimeout = 800_000
	kafkaTimeout = 1_200_000
	forever      = 1 << 60
)

var errTimeout = errors.New("i/o timeout")

// fate is what becomes of one request: how long it is under way there and back.
// Forever means that it gets lost.
type fate struct {
	there, back int64
	refused     bool
	twice       bool
}

// latency is one way over the network.
func (w *World) latency() int64 {
	if chance(w.rng, 0.03) {
		return between[int64](w.rng, 5_000, 60_000)
	}
	return between[int64](w.rng, 100, 4_000)
}

// sluggish is a way that takes long now and then: who is told late that he lost
// his shards goes on with them.
func (w *World) sluggish() int64 {
	if !w.calmed && chance(w.rng, 0.1) {
		return between[int64](w.rng, 100_000, 2_500_000)
	}
	return w.latency()
}

// fate draws what becomes of a request.
func (w *World) fate(timeout int64) fate {
	f := fate{there: w.latency(), back: w.latency()}
	if w.calmed {
		return f
	}
	p := &w.s.Faults
	draw := w.rng.Float64()
	hit := func(probability float64) bool {
		draw -= probability
		return draw < 0 && draw >= -probability
	}
	switch {
	case hit(p.LostRequest):
		f.there = forever
	case hit(p.LostReply):
		f.back = forever
		w.totals.LostReplies++
	case hit(p.LateEffect):
		f.there = timeout + between[int64](w.rng, 1_000, 5_000_000)
		w.totals.Late++
	case hit(p.Refused):
		f.refused = true
	case hit(p.Twice):
		f.twice = true
	case hit(p.Slow):
		if chance(w.rng, 0.5) {
			f.there = between(w.rng, 10_000, timeout) // its effect comes when more has happened
			break
		}
		f.back = between[int64](w.rng, 10_000, 2_000_000)
	}
	return f
}

// request performs an I/O of the shard by a request.
func (r *run) request(op *pipeline.Op, f fate, timeout int64, effect func() func()) {
	r.exchange(f, timeout, effect, func(err error) {
		if err != nil {
			op.Err = err
		}
		r.finish(op)
	})
}

// exchange sends something. effect happens at the server and returns what its
// answer does at the client, who hears an error if none comes in time.
func (r *run) exchange(f fate, timeout int64, effect func() func(), heard func(error)) {
	w := r.w
	replied := false
	reply := func(err error, result func()) {
		if replied {
			return
		}
		replied = true
		if result != nil {
			result()
		}
		heard(err)
	}
	if f.refused {
		r.worker.soon(f.back, func() { reply(refusal("ERR not now"), nil) })
		return
	}
	if f.there < forever {
		w.after(f.there, func() {
			result := effect()
			if f.back < forever {
				r.worker.soon(f.back, func() { reply(nil, result) })
			}
		})
	}
	r.worker.soon(timeout, func() { reply(errTimeout, nil) })
}

// finish hands an answer to the shard. An error ends the connection to Redis
// that it came over.
func (r *run) finish(op *pipeline.Op) {
	if l := r.links[op]; l != nil {
		delete(r.links, op)
		if l.broken == nil {
			l.broken = op.Err
		}
	}
	if r.gone {
		return
	}
	if r.w.trace != nil {
		r.w.tracef("worker %d shard %d epoch %d: %s done: %v", r.worker.id, r.number, op.Epoch, op.Kind, op.Err)
	}
	r.shard.Done(op, r.worker.clock())
	r.pump()
}

// start begins an I/O.
func (r *run) start(op *pipeline.Op) {
	if r.w.trace != nil {
		r.w.tracef("worker %d shard %d epoch %d: %s", r.worker.id, r.number, op.Epoch, describe(op))
	}
	if op.Kind == pipeline.OpHead {
		r.live = false
	}
	if op.Kind == pipeline.OpTake {
		r.token, _, _ = strings.Cut(op.Fresh, ":")
	}
	switch op.Kind {
	case pipeline.OpHead, pipeline.OpTake, pipeline.OpLoad, pipeline.OpDue, pipeline.OpCommit, pipeline.OpWait:
		r.askRedis(op)
	case pipeline.OpGroup:
		r.askKafka(op, r.confirm(op))
	case pipeline.OpBounds:
		opened := r.link.opened
		r.askKafka(op, func() func() { return r.bounds(op, opened) })
	case pipeline.OpRecord:
		r.askKafka(op, func() func() { return r.read(op, op.Topic) })
	case pipeline.OpChanges:
		r.askKafka(op, func() func() { return r.read(op, topicChanges) })
	case pipeline.OpBury:
		r.askKafka(op, func() func() {
			err := r.w.bury(op)
			return func() { op.Err = err }
		})
	case pipeline.OpPublish:
		r.tell(op)
	default:
		r.w.fail(fmt.Errorf("shard %d asks for %s", r.number, op.Kind))
	}
}

// confirm asks the coordinator whether this worker is a member of its generation.
func (r *run) confirm(op *pipeline.Op) (effect func() func()) {
	name, generation, lease, asked := r.worker.name, r.worker.generation, r.worker.lease, r.worker.moment()
	return func() func() {
		err := r.w.group.check(name, generation)
		if err == nil {
			r.askedAt = r.w.now
			r.pauseHere()
		}
		return func() {
			if op.Err = err; err == nil {
				lease.Confirmed(asked)
			}
		}
	}
}

// brokersFate draws what becomes of a request to a broker.
func (w *World) brokersFate() fate {
	f := w.fate(kafkaTimeout)
	if w.now < w.kafkaBack {
		f = fate{there: forever}
	}
	return f
}

// askKafka sends a request to a broker.
func (r *run) askKafka(op *pipeline.Op, effect func() func()) {
	f := r.w.brokersFate()
	r.request(op, f, kafkaTimeout, effect)
	if f.twice && op.Kind == pipeline.OpBury {
		r.w.after(f.there+between[int64](r.w.rng, 100, 1_000_000), func() { effect() })
	}
}

// bounds answers a take-over whose connection to Redis was opened at a moment.
func (r *run) bounds(op *pipeline.Op, opened int64) func() {
	bounds := map[string]pipeline.Bounds{}
	for _, topic := range append([]string{topicChanges}, inputs...) {
		start, end, err := r.w.kafka.Bounds(topic, r.number)
		if err != nil {
			return func() { op.Err = err }
		}
		if topic == topicChanges {
			topic = "" // so the shard calls it
		}
		bounds[topic] = pipeline.Bounds{Start: start, End: end}
	}
	for _, l := range r.w.losses {
		if l.number == r.number && l.read < 0 && opened > l.when {
			l.read, l.readAt, l.reader = bounds[""].End, r.w.now, r
		}
	}
	return func() {
		op.Bounds = bounds
		for _, topic := range inputs {
			r.seen[topic] = r.worker.clock().Tick
		}
	}
}

func (r *run) read(op *pipeline.Op, topic string) func() {
	f := r.w.kafka.Fetch(source.Position{Topic: topic, Partition: r.number, Offset: op.Offset,
		MaxBytes: int32(r.limits.FetchBytes)})
	r.w.corrupt(&f)
	return func() { op.Fetched, op.Err = f, f.Err }
}

// tell publishes what nobody else can have become the owner of, as the driver
// does it: by the lease, which is looked at again when the request leaves. The
// process may be stopped before.
func (r *run) tell(op *pipeline.Op) {
	lease := r.worker.lease
	send := func() {
		if lease.Holds() {
			r.publish(op)
			return
		}
		r.w.totals.Withheld++
		op.Err = sink.ErrWithheld
		r.finish(op)
	}
	if lease.Holds() {
		r.pauseHere()
		r.worker.soon(0, send)
		return
	}
	r.exchange(r.w.brokersFate(), kafkaTimeout, r.confirm(op), func(err error) {
		if err != nil {
			op.Err = err
		}
		if op.Err != nil {
			r.finish(op)
			return
		}
		send()
	})
}

// publish sends changes. They may land long after, when the shard has another
// owner. One hole is stated: that he has read the partition before, and that
// Redis lost what had caused them. Of those customers the world may hear two
// things.
func (r *run) publish(op *pipeline.Op) {
	r.w.examinePublish(r, op)
	w, opened, sent, replied := r.w, r.link.opened, r.w.now, false
	land := func() func() {
		if w.cutShort[r.number] && w.owners[r.number] != r {
			return func() { op.Err = errTimeout } // it would fill what the topic lost
		}
		for _, customer := range r.outlived(opened, sent, replied, op.Records) {
			w.expose(r.number, customer)
		}
		if (replied || r.w.owners[r.number] != r) && w.ambiguous(r.number, op.Records) {
			return func() { op.Err = errTimeout }
		}
		base, err := w.kafka.Append(topicChanges, r.number, op.Records, appending{wall: w.wall(), codec: plain})
		if err != nil {
			return func() { op.Err = err }
		}
		w.countLate(r, op.Records)
		for _, record := range op.Records {
			w.heard[heard{r.number, idOf(record.Value)}] = true
		}
		w.tracef("shard %d: worker %d's %d changes land at %d", r.number, r.worker.id, len(op.Records), base)
		return func() { op.Base, op.Err, replied = base, err, true }
	}
	f := w.fate(kafkaTimeout)
	if w.forgetsMeanwhile() {
		f.there = between[int64](w.rng, 100_000, kafkaTimeout)
	}
	if w.now < w.kafkaBack {
		f = fate{there: forever}
	}
	if w.cutShort[r.number] {
		f = fate{there: f.there % kafkaTimeout, back: w.latency()} // else its repeat would hide the loss
	}
	r.request(op, f, kafkaTimeout, land)
	w.after(kafkaTimeout, func() { replied = true })
	if f.twice {
		w.after(f.there+between[int64](w.rng, 100, 1_000_000), func() { land() })
	}
}

// corrupt spoils a bit of an answer now and then, where the sum covers it.
func (w *World) corrupt(f *source.Fetched) {
	if !w.calmed && len(f.Raw) > attributesAt && chance(w.rng, w.s.Faults.Corrupt) {
		size := 12 + int(binary.BigEndian.Uint32(f.Raw[8:]))
		if size <= len(f.Raw) {
			f.Raw[between(w.rng, attributesAt, size-1)] ^= 1 << w.rng.IntN(8)
		}
	}
}

// outlived lists the customers of records that Redis lost what had caused them,
// while the changes partition was read before they land. Who sends them after it
// was read has no lease, and no excuse.
func (r *run) outlived(opened, sent int64, replied bool, records []sink.Record) (customers []string) {
	for _, l := range r.w.losses {
		if l.number != r.number || l.when < opened || l.read < 0 || l.readAt < sent || l.reader == r && !replied {
			continue
		}
		for _, record := range records {
			if !l.knows(r.w.kafka, record.Value) {
				customers = append(customers, string(record.Key))
			}
		}
	}
	return customers
}

// knows reports that Redis kept a change, or that it was in the topic when that
// was read: whoever owns the shard sends the same, or goes on from it.
func (l *loss) knows(k *Kafka, value []byte) bool {
	if bytes.Contains(l.after.outbox, value) {
		return true
	}
	for _, there := range k.records(topicChanges, l.number) {
		if there.offset < l.read && bytes.Equal(there.Value, value) {
			return true
		}
	}
	return false
}

// countLate counts requests of somebody who does not own the shard any more.
func (w *World) countLate(r *run, records []sink.Record) {
	if owner := w.owners[r.number]; owner != nil && owner != r {
		w.totals.LateProduces++
	}
}

// ambiguous reports that a request repeats a change of a customer who is
// forgotten some time. Out of its turn it is not simulated, either: once his
// tombstone is gone, nothing tells the repeat of a change of his former life
// from a change that Redis has lost.
func (w *World) ambiguous(number int32, records []sink.Record) bool {
	for _, r := range records {
		if !w.workload.forgotten[string(r.Key)] {
			continue
		}
		for _, there := range w.kafka.records(topicChanges, number) {
			if bytes.Equal(there.Value, r.Value) {
				w.tracef("shard %d: a repeat of a change of %q gets lost", number, r.Key)
				return true
			}
		}
	}
	return false
}

// bury writes dead letters.
func (w *World) bury(op *pipeline.Op) error {
	for _, l := range op.Letters {
		_, err := w.kafka.Append(topicDead, l.Partition%w.s.DeadParts, []sink.Record{letterRecord(&l)},
			appending{wall: w.wall(), codec: plain})
		if err != nil {
			w.totals.LettersRefused++
			return err
		}
		w.buried[letterPlace{place{l.Topic, l.Partition}, l.Offset}] = true
	}
	return nil
}

// describe is an I/O in the trace.
func describe(op *pipeline.Op) string {
	switch op.Kind {
	case pipeline.OpTake:
		return "take " + strconv.Quote(op.Expect) + " " + op.Fresh
	case pipeline.OpLoad:
		return fmt.Sprintf("load %q", op.Customers)
	case pipeline.OpDue:
		return fmt.Sprintf("due from %d limit %d", op.From, op.Limit)
	case pipeline.OpGroup:
		return fmt.Sprintf("group %v", op.Offsets)
	case pipeline.OpCommit:
		c := op.Commit
		text := fmt.Sprintf("commit %s -> %s clock %d outbox %d", c.Head, c.State.Head, c.State.Clock, len(c.Outbox))
		for _, t := range c.State.Topics {
			text += fmt.Sprintf(" %s=%d", t.Name, t.Next)
		}
		for _, e := range c.Customers {
			text += fmt.Sprintf(" %q(%d)", e.Customer, len(e.Value))
		}
		for _, t := range c.Timers {
			text += fmt.Sprintf(" %q@%d", t.Customer, t.At)
		}
		return text
	case pipeline.OpPublish:
		return fmt.Sprintf("publish %d", len(op.Records))
	case pipeline.OpRecord, pipeline.OpChanges:
		return fmt.Sprintf("%s %s from %d", op.Kind, op.Topic, op.Offset)
	}
	return op.Kind.String()
}
