package customer_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/customer"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/lifecycle"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

const customerID = "c-1"

// world is what a scenario happens in: one customer, the stream time of his shard, and what the last
// statement did.
type world struct {
	settings []setting
	policy   *policy.Policy
	rules    *customer.Rules
	decoder  *event.Decoder

	customer profile.Profile
	now      int64            // stream time; None before the first event
	latest   map[string]int64 // greatest accepted event time per topic
	events   int
	last     record // the last event, for `again`

	reason  event.Reason // of the last event
	outcome profile.Outcome
	changes []change.Change // of the last statement
	named   int             // how many of them were expected
	strict  bool            // whether any was: then all must be
}

// record is an event as it lies in a topic.
type record struct {
	topic     string
	timestamp int64
	value     []byte
}

func newWorld() (*world, error) {
	w := &world{customer: profile.New(), now: instant.None, latest: map[string]int64{}}
	return w, w.buildRules()
}

func (w *world) buildRules() (err error) {
	if w.policy, err = readPolicy(w.settings); err != nil {
		return err
	}
	w.rules = customer.New(w.policy)
	w.decoder, err = event.NewDecoder(w.policy)
	return err
}

func (w *world) setPolicy(s setting) error {
	if w.now != instant.None {
		return errors.New("it stands after the first event; a scenario has one policy")
	}
	w.settings = append(w.settings, s)
	return w.buildRules()
}

// play carries out all statements; the error names the line of the one that does not hold.
func (w *world) play(file string, s scenario) error {
	for _, step := range s.steps {
		if err := step.run(w); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", file, step.line, step.text, err)
		}
	}
	if err := w.leftOver(); err != nil {
		return fmt.Errorf("%s:%d: scenario %s: %w", file, s.line, s.name, err)
	}
	return nil
}

// leftOver says which change of the last statement was not expected though another one was.
func (w *world) leftOver() error {
	if w.strict && w.named < len(w.changes) {
		return fmt.Errorf("one more change was published: %s", describe(&w.changes[w.named]))
	}
	return nil
}

// begin forgets what the last statement did.
func (w *world) begin() error {
	if err := w.leftOver(); err != nil {
		return err
	}
	w.changes, w.named, w.strict = nil, 0, false
	return nil
}

func (w *world) advance(to int64) error {
	if err := w.begin(); err != nil {
		return err
	}
	if to < w.now {
		return fmt.Errorf("stream time never goes back; it is %s", instant.Format(w.now))
	}
	w.now = to
	return w.fire()
}

// happen puts an event into its topic and reads it from there: through the real decoder, and only
// then to the customer.
func (w *world) happen(o occurrence) error {
	if err := w.begin(); err != nil {
		return err
	}
	if err := w.write(o); err != nil {
		return err
	}
	latest, any := w.latest[w.last.topic]
	if !any {
		latest = instant.None
	}
	var ev event.Event
	w.reason = w.decoder.Decode(w.last.value, event.Record{Timestamp: w.last.timestamp, Latest: latest}, &ev)
	if w.reason != event.OK {
		return nil
	}
	w.latest[w.last.topic] = max(latest, ev.Time)
	w.now = max(w.now, ev.Time)
	if err := w.fire(); err != nil {
		return err
	}
	return w.apply(&ev)
}

// write makes the record of o, or places the last one again.
func (w *world) write(o occurrence) error {
	timestamp, occurredAt, err := o.place(w.now)
	if err != nil {
		return err
	}
	if o.again {
		if w.last.value == nil {
			return errors.New("there is no event before it")
		}
		// A redelivery has the producer's occurred_at and a later place in the log.
		w.last.timestamp = max(timestamp, w.last.timestamp)
		return nil
	}
	w.events++
	w.last = record{topic: o.topic, timestamp: timestamp}
	w.last.value, err = o.encode(customerID, occurredAt, w.events)
	return err
}

func (w *world) fire() error {
	before := w.customer
	w.changes = w.rules.Fire(&w.customer, customerID, w.now, instant.None, w.changes)
	return w.check(before.Segment, before.Version, w.changes)
}

func (w *world) apply(ev *event.Event) error {
	before, published := w.customer, len(w.changes)
	w.changes, w.outcome = w.rules.Apply(&w.customer, customerID, ev, w.now, false, w.changes)
	return w.check(before.Segment, before.Version, w.changes[published:])
}

// check holds after every step of every scenario, whatever it expects.
func (w *world) check(from segment.Segment, version int64, fresh []change.Change) error {
	if err := chained(from, version, fresh); err != nil {
		return err
	}
	if n := len(fresh); n > 0 && fresh[n-1].To != w.customer.Segment {
		return fmt.Errorf("the last change is to %s, the profile says %s", name(fresh[n-1].To), name(w.customer.Segment))
	}
	seg, deadline, next := lifecycle.New(w.policy).Evaluate(&w.customer, w.now)
	if seg != w.customer.Segment || deadline != w.customer.NextAt || next != w.customer.Next {
		return fmt.Errorf("the profile says %s, then %s at %s; evaluated now it is %s, then %s at %s",
			name(w.customer.Segment), name(w.customer.Next), clock(w.customer.NextAt), name(seg), name(next), clock(deadline))
	}
	return w.store()
}

// chained says whether changes go on from a segment and version without a gap.
func chained(from segment.Segment, version int64, changes []change.Change) error {
	for i := range changes {
		c := &changes[i]
		version++
		if c.From != from || c.Version != version || c.From == c.To {
			return fmt.Errorf("after %s version %d comes %s version %d", name(from), version-1, describe(c), c.Version)
		}
		from = c.To
	}
	return nil
}

// store puts the profile into its stored form and takes it from there, as happens between batches.
func (w *world) store() error {
	stored := w.customer.Append(nil)
	fresh := profile.New()
	if err := fresh.Decode(stored); err != nil {
		return fmt.Errorf("the stored profile: %w", err)
	}
	if again := fresh.Append(nil); !bytes.Equal(stored, again) {
		return fmt.Errorf("the stored profile is %q, read and stored again %q", stored, again)
	}
	w.customer = fresh
	return nil
}

func describe(c *change.Change) string {
	text := fmt.Sprintf("%s -> %s at %s by %s", name(c.From), name(c.To), clock(c.EffectiveAt), c.Cause)
	if c.Cause == change.Event {
		text += " " + c.EventType.String() + " " + c.EventID
	}
	return text
}

func name(s segment.Segment) string {
	if s == segment.None {
		return "none"
	}
	return s.String()
}

func clock(ms int64) string {
	if ms == instant.None {
		return "none"
	}
	return instant.Format(ms)
}
