package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
)

// Headers of a published change: CloudEvents 1.0 in binary mode, and where the
// shard stood.
const (
	headerAt     = "tidemark-at"
	headerTrace  = "traceparent"
	headerSource = "ce_source"
	eventType    = "tidemark.segment.changed"
)

// unsent is one change that Kafka has not acknowledged.
type unsent struct {
	customer    string
	id          string
	version     int64
	effectiveAt int64
	value, at   []byte
	trace       []byte // traceparent of the event that caused it, nil if it had none
	cause       change.Kind
	since       int64 // unix ms: see Wait
	found       bool  // in the changes topic, by a take-over that is still reading it
}

// outbox is the changes of a shard on their way to Kafka, in the order in which
// they were made. Only the stored ones may be published: entries[:stored].
type outbox struct {
	entries []unsent
	first   int64 // number of entries[0], counted from the take-over
	stored  int
	bytes   int
	arena   []byte // memory of the entries to come
}

// end is the number behind the last entry.
func (o *outbox) end() int64 { return o.first + int64(len(o.entries)) }

// How much memory entries share, and how much of it one may need.
const (
	arenaBytes = 64 << 10
	arenaRoom  = 2 << 10
)

// room is an empty slice to append one value to, which keep then keeps.
func (o *outbox) room() []byte {
	if cap(o.arena)-len(o.arena) < arenaRoom {
		o.arena = make([]byte, 0, arenaBytes)
	}
	return o.arena[len(o.arena):]
}

// keep takes the value that was appended to room. One that did not fit has
// memory of its own.
func (o *outbox) keep(value []byte) []byte {
	if len(o.arena)+len(value) <= cap(o.arena) {
		o.arena = o.arena[:len(o.arena)+len(value)]
	}
	return value[:len(value):len(value)]
}

// add appends a change of the open batch.
func (o *outbox) add(u unsent) {
	o.entries = append(o.entries, u)
	o.bytes += u.size()
}

func (u *unsent) size() int { return len(u.value) + len(u.at) + len(u.trace) + 3*binary.MaxVarintLen32 }

// acknowledge drops the first n entries: Kafka has them.
func (o *outbox) acknowledge(n int) {
	for i := range o.entries[:n] {
		o.bytes -= o.entries[i].size()
		o.entries[i] = unsent{}
	}
	o.entries = o.entries[n:]
	o.first += int64(n)
	o.stored -= n
	if len(o.entries) == 0 {
		o.entries = nil
	}
}

// find marks the entry with this id as one that Kafka has; false if there is none.
func (o *outbox) find(id string) bool {
	for i := range o.entries {
		if o.entries[i].id == id {
			o.entries[i].found = true
			return true
		}
	}
	return false
}

// remove drops the entries that the predicate names.
func (o *outbox) remove(drop func(*unsent) bool) {
	kept := o.entries[:0]
	stored := o.stored
	for i := range o.entries {
		if drop(&o.entries[i]) {
			o.bytes -= o.entries[i].size()
			if i < stored {
				o.stored--
			}
			continue
		}
		kept = append(kept, o.entries[i])
	}
	clear(o.entries[len(kept):])
	o.entries = kept
}

// encode appends the stored form of all entries: value, position and
// trace of each, with their lengths before them.
func (o *outbox) encode(dst []byte) []byte {
	for i := range o.entries {
		dst = binary.AppendUvarint(dst, uint64(len(o.entries[i].value)))
		dst = append(dst, o.entries[i].value...)
		dst = binary.AppendUvarint(dst, uint64(len(o.entries[i].at)))
		dst = append(dst, o.entries[i].at...)
		dst = binary.AppendUvarint(dst, uint64(len(o.entries[i].trace)))
		dst = append(dst, o.entries[i].trace...)
	}
	return dst
}

// decodeOutbox reads the stored form; its entries are all stored.
func decodeOutbox(raw []byte) (outbox, error) {
	var o outbox
	next := func() ([]byte, error) {
		n, size := binary.Uvarint(raw)
		if size <= 0 || n > uint64(len(raw)-size) {
			return nil, errors.New("reading the outbox: it is cut short")
		}
		part := raw[size : size+int(n)]
		raw = raw[size+int(n):]
		return part, nil
	}
	for len(raw) > 0 {
		value, err := next()
		if err != nil {
			return outbox{}, err
		}
		at, err := next()
		if err != nil {
			return outbox{}, err
		}
		trace, err := next()
		if err != nil {
			return outbox{}, err
		}
		head, err := change.Parse(value)
		if err != nil {
			return outbox{}, fmt.Errorf("reading the outbox: %w", err)
		}
		if len(trace) > 0 && planted.TraceLost.On() {
			trace = nil
		}
		o.add(unsent{customer: head.Customer, id: head.ID, version: head.Version,
			effectiveAt: head.EffectiveAt, value: value, at: at, trace: trace, since: instant.None})
	}
	o.stored = len(o.entries)
	return o, nil
}

// records returns the first stored entries up to a number of bytes, at least
// one, as they go to Kafka. source is the CloudEvents source of the namespace;
// now stamps the records and shows nowhere else.
func (o *outbox) records(source string, limit int, now int64) []sink.Record {
	var records []sink.Record
	size := 0
	for i := range o.entries[:o.stored] {
		u := &o.entries[i]
		size += u.size() + len(u.customer) + changeOverhead
		if i > 0 && size > limit {
			break
		}
		records = append(records, u.record(source, now))
	}
	return records
}

// waits tells since when each of the first n entries has been waited for.
func (o *outbox) waits(n int) []Wait {
	waits := make([]Wait, n)
	for i := range waits {
		waits[i] = Wait{Cause: o.entries[i].cause, Since: o.entries[i].since}
	}
	return waits
}

// traceParent keeps a header of W3C trace context, version 00 or a later one that
// is not much longer. Anything else could make a change too large for its topic.
func traceParent(header []byte) []byte {
	const version00, most = 55, 256
	if len(header) < version00 || len(header) > most {
		return nil
	}
	return append([]byte(nil), header...)
}

// changeOverhead bounds the bytes of a change's headers besides tidemark-at.
const changeOverhead = 512

func (u *unsent) record(source string, now int64) sink.Record {
	r := sink.Record{
		Key:   []byte(u.customer),
		Value: u.value,
		Time:  now,
		Headers: []sink.Header{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte(u.id)},
			{Key: headerSource, Value: []byte(source)},
			{Key: "ce_type", Value: []byte(eventType)},
			{Key: "ce_subject", Value: []byte(u.customer)},
			{Key: "ce_time", Value: instant.Append(nil, u.effectiveAt)},
			{Key: "content-type", Value: []byte("application/json")},
			{Key: headerAt, Value: u.at},
		},
	}
	if len(u.trace) > 0 {
		r.Headers = append(r.Headers, sink.Header{Key: headerTrace, Value: u.trace})
	}
	return r
}
