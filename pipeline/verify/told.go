package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/instant"
)

// Kinds of cause.
const (
	kindEvent     = "event"
	kindTimer     = "timer"
	kindForget    = "forget"
	kindBootstrap = "bootstrap"
	kindRecovery  = "recovery"
)

// told is one published change: what verification has to know of it, and its
// bytes, with which everything else is compared.
type told struct {
	value    []byte
	id       string
	customer string
	version  int64
	from, to state
	at       int64 // effective
	kind     string
	eventID  string

	position position
	unsent   bool  // in the outbox and not yet in the topic
	need     []int // facts of the customer before the position, by topic; set when he is judged
}

// position is where the shard stood at a change.
type position struct {
	offsets []int64 // next, in the order of the topics
	clock   int64   // stream time
}

// parseTold reads a published value.
func parseTold(value []byte) (*told, error) {
	var v struct {
		ID        string  `json:"id"`
		Customer  string  `json:"customer_id"`
		Version   int64   `json:"version"`
		From      *string `json:"from"`
		To        *string `json:"to"`
		Effective string  `json:"effective_at"`
		Cause     struct {
			Kind    string `json:"kind"`
			EventID string `json:"event_id"`
		} `json:"cause"`
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return nil, fmt.Errorf("reading a change: %w", err)
	}
	t := &told{value: value, id: v.ID, customer: v.Customer, version: v.Version, kind: v.Cause.Kind, eventID: v.Cause.EventID}
	for _, s := range []struct {
		name *string
		into *state
	}{{v.From, &t.from}, {v.To, &t.to}} {
		if s.name == nil {
			continue
		}
		known := false
		if *s.into, known = parseState(*s.name); !known {
			return nil, fmt.Errorf("reading a change: %q is no segment", *s.name)
		}
	}
	var ok bool
	if t.at, ok = instant.Parse(v.Effective); !ok {
		return nil, fmt.Errorf("reading a change: effective_at %q is no time", v.Effective)
	}
	return t, t.sealed()
}

// sealed checks that the id is the hash of the rest.
func (t *told) sealed() error {
	const begin, end = `{"id":"`, `",`
	length := len(begin) + len(t.id) + len(end)
	if len(t.id) != 32 || len(t.value) < length || string(t.value[:length]) != begin+t.id+end {
		return errors.New("reading a change: it does not begin with its id")
	}
	body := sha256.New()
	body.Write([]byte("{"))
	body.Write(t.value[length:])
	if id := hex.EncodeToString(body.Sum(nil))[:32]; id != t.id {
		return fmt.Errorf("reading a change: its id is %s, but its bytes give %s", t.id, id)
	}
	return nil
}

// parsePosition reads the header tidemark-at.
func parsePosition(raw []byte, topics []string) (position, error) {
	var v struct {
		Offsets map[string]int64 `json:"offsets"`
		Time    *string          `json:"stream_time"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return position{}, fmt.Errorf("reading header tidemark-at: %w", err)
	}
	p := position{clock: none}
	for _, topic := range topics {
		offset, ok := v.Offsets[topic]
		if !ok {
			return position{}, fmt.Errorf("reading header tidemark-at: it names no offset of %s", topic)
		}
		p.offsets = append(p.offsets, offset)
	}
	if len(v.Offsets) != len(topics) {
		return position{}, fmt.Errorf("reading header tidemark-at: it names %d topics, not %d", len(v.Offsets), len(topics))
	}
	if v.Time == nil {
		return p, nil
	}
	ms, ok := instant.Parse(*v.Time)
	if !ok {
		return position{}, fmt.Errorf("reading header tidemark-at: stream_time %q is no time", *v.Time)
	}
	p.clock = ms
	return p, nil
}

// headers checks what CloudEvents asks for, and the key.
func (t *told) headers(r *recordbatch.Record, source string) error {
	if string(r.Key) != t.customer {
		return fmt.Errorf("its key is %s", quote(string(r.Key)))
	}
	for _, want := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", t.id}, {"ce_source", source}, {"ce_type", "tidemark.segment.changed"},
		{"ce_subject", t.customer}, {"ce_time", instant.Format(t.at)}, {"content-type", "application/json"},
	} {
		if got, _ := r.Header(want[0]); string(got) != want[1] {
			return fmt.Errorf("its header %s is %s, not %s", want[0], quote(string(got)), quote(want[1]))
		}
	}
	return nil
}

// published visits the changes of the slice: those in the topic, then those that
// wait in the outbox. The first slice takes the positions of all.
func (s *shard) published(ctx context.Context, visit func(*told)) error {
	log, err := s.open(ctx, s.v.Changes)
	if err != nil {
		return err
	}
	if log.start > 0 {
		return fmt.Errorf("changes topic %s begins at offset %d: verify needs all of it; create it with unlimited retention", s.v.Changes, log.start)
	}
	var record recordbatch.Record
	for {
		more, err := log.next(ctx, &record)
		if err != nil {
			return err
		}
		if !more {
			return s.unsent(ctx, visit)
		}
		s.record(&record, visit)
	}
}

// record reads one record of the changes topic.
func (s *shard) record(r *recordbatch.Record, visit func(*told)) {
	mine := s.mine(string(r.Key))
	if !mine && s.slice > 0 {
		return
	}
	at, _ := r.Header("tidemark-at")
	position, err := parsePosition(at, s.v.Inputs)
	if err == nil && s.slice == 0 && s.hash.known(&position) {
		s.samples.add(&position)
	}
	if !mine {
		return
	}
	var t *told
	if err == nil {
		t, err = parseTold(r.Value)
	}
	if err == nil {
		err = t.headers(r, "tidemark/"+s.v.Namespace)
	}
	if err != nil {
		s.differ(string(r.Key), fmt.Sprintf("change at offset %d of %s", r.Offset, s.v.Changes), err.Error(), "a change of this namespace")
		return
	}
	t.position = position
	visit(t)
}

// unsent visits the entries of the outbox: value, position and trace of each,
// every one with its length before it.
func (s *shard) unsent(ctx context.Context, visit func(*told)) error {
	raw, err := s.v.keys.outbox(ctx, s.number)
	if err != nil {
		return err
	}
	for len(raw) > 0 {
		var parts [3][]byte
		for i := range parts {
			length, n := binary.Uvarint(raw)
			if n <= 0 || length > uint64(len(raw)-n) {
				s.differ("", "outbox", "cut short", "whole entries")
				return nil
			}
			parts[i], raw = raw[n:n+int(length)], raw[n+int(length):]
		}
		t, err := parseTold(bytes.Clone(parts[0]))
		if err == nil {
			t.position, err = parsePosition(parts[1], s.v.Inputs)
		}
		if err != nil {
			s.differ("", "outbox", err.Error(), "changes of this namespace")
			continue
		}
		if s.slice == 0 && s.hash.known(&t.position) {
			s.samples.add(&t.position)
		}
		if t.unsent = true; s.mine(t.customer) {
			visit(t)
		}
	}
	return nil
}
