package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// broadcast is one record of the changes topic, read with nothing but
// encoding/json.
type broadcast struct {
	at     int64 // offset
	value  []byte
	repeat bool // of a record before

	ID        string `json:"id"`
	Customer  string `json:"customer_id"`
	Version   int64  `json:"version"`
	Dimension string `json:"dimension"`
	From      *string
	To        *string
	Effective string `json:"effective_at"`
	Cause     struct {
		Kind    string
		EventID string `json:"event_id"`
	}
	Profile *struct {
		Orders    int64
		Monetary  string
		First     *string `json:"first_seen_at"`
		LastOrder *string `json:"last_order_at"`
		Last      *string `json:"last_seen_at"`
	}
	Next *struct{ Segment, At string }

	effectiveAt int64
	offsets     map[string]int64
	streamTime  int64
	trace       string
	restart     bool
}

// to and from are the segments, "" for null.
func (b *broadcast) to() string   { return orEmpty(b.To) }
func (b *broadcast) from() string { return orEmpty(b.From) }

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// broadcasts reads a shard's changes partition, and checks what every record has
// to be by itself: the same id always the same bytes, ids that are hashes,
// headers that agree with the value.
func (w *World) broadcasts(number int32) ([]broadcast, error) {
	var all []broadcast
	known := map[string][]byte{}
	for _, r := range w.kafka.records(topicChanges, number) {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		if headers["ce_source"] != cloudSource {
			continue
		}
		b := broadcast{at: r.offset, value: r.Value}
		if err := b.read(headers, string(r.Key)); err != nil {
			return nil, fmt.Errorf("change at offset %d: %w: %s", r.offset, err, r.Value)
		}
		if before, ok := known[b.ID]; ok {
			b.repeat = true
			if !bytes.Equal(before, r.Value) {
				return nil, fmt.Errorf("id %s means %s and %s", b.ID, before, r.Value)
			}
		}
		known[b.ID] = r.Value
		w.tracef("change %d of shard %d: %q version %d %q to %q at %s by %s, position %v %s, repeat %v", b.at, number,
			b.Customer, b.Version, b.from(), b.to(), b.Effective, b.Cause.Kind, b.offsets, textOf(b.streamTime), b.repeat)
		all = append(all, b)
	}
	return all, nil
}

func (b *broadcast) read(headers map[string]string, key string) error {
	if err := json.Unmarshal(b.value, b); err != nil {
		return err
	}
	member := `{"id":` + strconv.Quote(b.ID) + `,`
	rest, ok := bytes.CutPrefix(b.value, []byte(member))
	sum := sha256.Sum256(append([]byte("{"), rest...))
	if !ok || b.ID != hex.EncodeToString(sum[:])[:32] {
		return fmt.Errorf("the id is not the hash of the value")
	}
	at, err := time.Parse(time.RFC3339, b.Effective)
	if err != nil {
		return err
	}
	b.effectiveAt = at.UnixMilli()
	for name, want := range map[string]string{"ce_id": b.ID, "ce_specversion": "1.0", "ce_subject": b.Customer, "ce_time": b.Effective} {
		if headers[name] != want {
			return fmt.Errorf("header %s is %q, want %q", name, headers[name], want)
		}
	}
	if key != b.Customer {
		return fmt.Errorf("the key is %q", key)
	}
	b.trace = headers["traceparent"]
	return b.readPosition(headers["tidemark-at"])
}

func (b *broadcast) readPosition(header string) error {
	var at struct {
		Offsets    map[string]int64
		StreamTime *string `json:"stream_time"`
	}
	if err := json.Unmarshal([]byte(header), &at); err != nil {
		return fmt.Errorf("header tidemark-at %q: %w", header, err)
	}
	b.offsets, b.streamTime = at.Offsets, none
	if at.StreamTime != nil {
		t, err := time.Parse(time.RFC3339, *at.StreamTime)
		if err != nil {
			return err
		}
		b.streamTime = t.UnixMilli()
	}
	return nil
}

// json is a change as the contract writes it, byte for byte.
func (t *told) json(r *ruleset) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `"customer_id":%s,"version":%d,"dimension":"lifecycle","from":%s,"to":%s,"effective_at":%s,"cause":{"kind":%s`,
		quoted(t.customer), t.version, orNull(t.from), orNull(t.to), quoted(clock(t.effectiveAt)), quoted(t.kind))
	if t.kind == "event" {
		fmt.Fprintf(&b, `,"event_id":%s,"event_type":%s`, quoted(t.eventID), quoted(t.eventType))
	}
	fmt.Fprintf(&b, `},"policy":{"name":%s,"version":%s},"profile":`, quoted(r.policyName), quoted(r.policyVersion))
	if t.to == "" {
		b.WriteString("null")
	} else {
		fmt.Fprintf(&b, `{"orders":%d,"monetary":"%s","currency":"%s","first_seen_at":%s,"last_order_at":%s,"last_seen_at":%s}`,
			t.orders, decimal(t.monetary, r.decimals), r.baseISO, clockOrNull(t.first), clockOrNull(t.lastOrder), clockOrNull(t.last))
	}
	if t.next == "" {
		b.WriteString(`,"next":null}`)
	} else {
		fmt.Fprintf(&b, `,"next":{"segment":%s,"at":%s}}`, quoted(t.next), quoted(clock(t.nextAt)))
	}
	sum := sha256.Sum256(append([]byte("{"), b.Bytes()...))
	return append([]byte(`{"id":"`+hex.EncodeToString(sum[:])[:32]+`",`), b.Bytes()...)
}
