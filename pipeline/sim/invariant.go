package sim

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pkg/profile"
)

// This file is what has to be true after every commit, looked at only where the
// commit has touched something.

// examine holds a commit that Redis has just applied against what was there
// before.
func (w *World) examine(r *run, before, after *shardData, observed []observation) {
	x := examination{w: w, number: r.number, before: before, after: after, observed: observed}
	if err := x.all(); err != nil {
		w.fail(fmt.Errorf("shard %d: worker %d's commit of %s: %w", r.number, r.worker.id, after.hash["head"], err))
	}
}

type examination struct {
	w             *World
	number        int32
	before, after *shardData
	observed      []observation
}

func (x *examination) all() error {
	for _, check := range []func() error{x.head, x.places, x.letters, x.oneLog, x.outbox, x.customers} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// head: a shard has one, and it counts commits.
func (x *examination) head() error {
	was, is := x.before.hash["head"], x.after.hash["head"]
	token, count, _ := strings.Cut(was, ":")
	var n int64
	if _, err := fmt.Sscan(count, &n); err != nil {
		return fmt.Errorf("the head before is %q", was)
	}
	if want := fmt.Sprintf("%s:%d", token, n+1); is != want {
		return fmt.Errorf("the head is %s after %s", is, was)
	}
	return nil
}

// places: clock, offsets and counters never go back within a history, and what
// was consumed is what is counted.
func (x *examination) places() error {
	was, is := x.before.place(), x.after.place()
	if is.Clock < was.Clock || is.Pub < was.Pub || is.Changes < was.Changes || is.Dropped < was.Dropped || is.Adopted < was.Adopted {
		return fmt.Errorf("something went back: %+v after %+v", *is, *was)
	}
	for i := range is.Topics {
		t, old := &is.Topics[i], &was.Topics[i]
		if t.Next < old.Next || t.Last < old.Last || t.Greatest < old.Greatest || t.Next <= t.Last {
			return fmt.Errorf("%s went back: %+v after %+v", t.Name, *t, *old)
		}
		c := &t.Counts
		if c.Consumed != c.Applied+c.NoEffect()+c.Rejected() {
			return fmt.Errorf("%s: consumed is not the sum of what became of it: %+v", t.Name, *c)
		}
		taken := int64(0)
		for _, o := range x.observed {
			if o.topic == t.Name {
				taken++
			}
		}
		if c.Consumed-old.Counts.Consumed != taken {
			return fmt.Errorf("%s: %d records were taken, %d more are counted", t.Name, taken, c.Consumed-old.Counts.Consumed)
		}
	}
	return nil
}

// letters: no offset passes a rejected record that is not in the dead letters.
func (x *examination) letters() error {
	for _, o := range x.observed {
		if !o.accepted && !x.w.buried[letterPlace{place{o.topic, x.number}, o.offset}] {
			return fmt.Errorf("%s %d was rejected and is not in the dead letters", o.topic, o.offset)
		}
	}
	return nil
}

// letterPlace is where a dead letter came from.
type letterPlace struct {
	place
	offset int64
}

// oneLog: whoever consumed a record that the log has lost goes on with nothing
// that was written in its place.
func (x *examination) oneLog() error {
	for _, topic := range inputs {
		if _, lost := x.w.tails[place{topic, x.number}]; !lost {
			continue
		}
		var gone *observation
		for _, o := range x.after.history.list() {
			switch {
			case o.topic != topic || o.sent == nil:
			case o.sent.gone:
				gone = &o
			case gone != nil && !x.w.hidden(*gone):
				return fmt.Errorf("%s %d was taken after %d, which the log has lost", topic, o.offset, gone.offset)
			}
		}
	}
	return nil
}

// unsent is one change in an outbox.
type unsent struct {
	id       string
	customer string
	version  int64
}

// readOutbox reads its entries; those that were there before are known.
func readOutbox(raw []byte, known []unsent) ([]unsent, error) {
	var all []unsent
	part := func() []byte {
		n, size := binary.Uvarint(raw)
		p := raw[size : size+int(n)]
		raw = raw[size+int(n):]
		return p
	}
	for len(raw) > 0 {
		value, _, _ := part(), part(), part()
		id := idOf(value)
		if i := slices.IndexFunc(known, func(u unsent) bool { return u.id == id }); i >= 0 {
			all = append(all, known[i])
			continue
		}
		var head struct {
			Customer string `json:"customer_id"`
			Version  int64
		}
		if err := json.Unmarshal(value, &head); err != nil {
			return nil, err
		}
		all = append(all, unsent{id: id, customer: head.Customer, version: head.Version})
	}
	return all, nil
}

// outbox: it lacks nothing that Kafka does not have, but for changes of customers
// who were told something else in a future that Redis has lost.
func (x *examination) outbox() error {
	var err error
	if x.after.unsent, err = readOutbox(x.after.outbox, x.before.unsent); err != nil {
		return fmt.Errorf("the outbox: %w", err)
	}
	for _, u := range x.before.unsent {
		if slices.Contains(x.after.unsent, u) || x.w.heard[heard{x.number, u.id}] {
			continue
		}
		if s, err := standingOf(x.after.customers[u.customer]); err == nil && s.mark == profile.Adopted {
			continue
		}
		return fmt.Errorf("change %s of %q, version %d, left the outbox and is not in Kafka", u.id, u.customer, u.version)
	}
	for _, u := range x.after.unsent {
		x.w.kept[heard{x.number, u.id}] = true
	}
	return nil
}

// heard is a change in a shard's changes partition.
type heard struct {
	number int32
	id     string
}

// standing is what is stored of a customer besides his ledger.
type standing struct {
	segment string
	version int64
	nextAt  string
	armed   int64
	mark    profile.Mark
}

func standingOf(value []byte) (standing, error) {
	s := standing{armed: none}
	if value == nil {
		return s, nil
	}
	line, _, _ := bytes.Cut(value, []byte("\n"))
	var serves serving
	if err := json.Unmarshal(line, &serves); err != nil {
		return s, err
	}
	p := profile.New()
	if err := p.Decode(understood(value)); err != nil {
		return s, err
	}
	return standing{serves.Lifecycle, serves.Version, serves.NextAt, p.Armed, p.Mark}, nil
}

// customers: each one that was written has the timer that his profile says, in
// time for his deadline; the sizes count them; and each version that he gained
// is a change in the outbox.
func (x *examination) customers() error {
	sizes := x.before.place().Sizes
	for _, id := range x.after.written {
		was, err := standingOf(x.before.customers[id])
		if err != nil {
			return fmt.Errorf("%q before: %w", id, err)
		}
		is, err := standingOf(x.after.customers[id])
		if err != nil {
			return fmt.Errorf("%q: %w", id, err)
		}
		if err := x.timer(id, is); err != nil {
			return err
		}
		if err := x.versions(id, was, is); err != nil {
			return err
		}
		sizes[slices.Index(segments, was.segment)]--
		sizes[slices.Index(segments, is.segment)]++
	}
	for i, segment := range segments[1:] {
		if got := x.after.state.Sizes[i+1]; got != sizes[i+1] {
			return fmt.Errorf("%d customers are counted as %s, but there are %d", got, segment, sizes[i+1])
		}
	}
	return nil
}

// segments in the order of their numbers.
var segments = []string{"", "loyal", "potential", "edge", "churned"}

func (x *examination) timer(id string, s standing) error {
	at, ok := x.after.timers[id]
	switch {
	case ok != (s.armed != none) || ok && at != s.armed:
		return fmt.Errorf("the timer of %q is at %d (%v), but his profile says %d", id, at, ok, s.armed)
	case s.mark == profile.Unmarked && s.nextAt != "" && (!ok || clock(at) > s.nextAt):
		return fmt.Errorf("%q moves at %s, but his timer is at %d (%v)", id, s.nextAt, at, ok)
	}
	return nil
}

func (x *examination) versions(id string, was, is standing) error {
	var fresh []int64
	for _, u := range x.after.unsent {
		if u.customer == id && !slices.Contains(x.before.unsent, u) {
			fresh = append(fresh, u.version)
		}
	}
	if len(fresh) == 0 {
		if is.version != was.version && is.version != 0 && is.mark != profile.Adopted {
			return fmt.Errorf("%q has version %d after %d, but there is no such change", id, is.version, was.version)
		}
		return nil
	}
	before := was.version
	for _, v := range fresh {
		if v != before+1 && v != 1 {
			return fmt.Errorf("%q has changes %v after version %d", id, fresh, was.version)
		}
		before = v
	}
	if before != is.version && is.version != 0 {
		return fmt.Errorf("%q has changes %v, but version %d", id, fresh, is.version)
	}
	return nil
}

// idOf is the id that a change begins with.
func idOf(value []byte) string { return string(value[len(`{"id":"`):][:32]) }

// examinePublish: no change is sent before it is stored.
func (w *World) examinePublish(r *run, op *pipeline.Op) {
	for i := range op.Records {
		if value := op.Records[i].Value; !w.kept[heard{r.number, idOf(value)}] {
			w.failf("shard %d: worker %d sends a change that is not stored: %s", r.number, r.worker.id, value)
		}
	}
}

// examineMemory: a shard holds no more than its limits say.
func (r *run) examineMemory() {
	h, x := r.shard.Holding(), r.w.kafka.largest
	x.Customer, x.Change = h.Customer, h.Change
	most := r.limits.Most(x)
	for i := range r.w.limits {
		most.Outbox = max(most.Outbox, r.w.limits[i].Most(x).Outbox) // it may be another one's
	}
	if what, ok := h.Within(most); !ok {
		r.w.failf("shard %d: worker %d holds %+v, of what is %s more than in %+v", r.number, r.worker.id, h, what, most)
	}
}
