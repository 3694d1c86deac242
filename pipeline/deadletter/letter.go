// Package deadletter keeps what could not be processed: each rejected record
// goes to a topic as it was, with the reason and where it came from in headers.
package deadletter

import (
	"fmt"
	"strconv"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/instant"
)

// The headers that a dead letter has in addition to those of the record.
const (
	HeaderReason     = "tidemark-reason"
	HeaderTopic      = "tidemark-topic"
	HeaderPartition  = "tidemark-partition"
	HeaderOffset     = "tidemark-offset"
	HeaderRejectedAt = "tidemark-rejected-at"
)

var names = [...]string{HeaderReason, HeaderTopic, HeaderPartition, HeaderOffset, HeaderRejectedAt}

// Letter is one rejected record.
type Letter struct {
	Topic      string // where it was read
	Partition  int32
	Offset     int64
	Reason     string // of the closed list of semantics: event.Reason's String
	RejectedAt int64  // unix ms, from 1970 on

	// The record itself; nil is null.
	Key, Value []byte
	Headers    []sink.Header
}

// Record is the letter as it is written. Its time is that of the rejection, so
// that retention counts from there.
func (l *Letter) Record() sink.Record {
	headers := make([]sink.Header, 0, len(l.Headers)+len(names))
	headers = append(headers, l.Headers...)
	headers = append(headers,
		sink.Header{Key: HeaderReason, Value: []byte(l.Reason)},
		sink.Header{Key: HeaderTopic, Value: []byte(l.Topic)},
		sink.Header{Key: HeaderPartition, Value: strconv.AppendInt(nil, int64(l.Partition), 10)},
		sink.Header{Key: HeaderOffset, Value: strconv.AppendInt(nil, l.Offset, 10)},
		sink.Header{Key: HeaderRejectedAt, Value: instant.Append(nil, l.RejectedAt)})
	return sink.Record{Key: l.Key, Value: l.Value, Headers: headers, Time: l.RejectedAt}
}

// Parse reads a letter back from a record of the dead-letter topic. Its slices
// alias the record's. A record without the headers was not written by Tidemark,
// and is an error that names its offset.
func Parse(rec *recordbatch.Record) (Letter, error) {
	l := Letter{Key: rec.Key, Value: rec.Value}
	headers := rec.AppendHeaders(nil)
	at, err := locate(headers)
	if err == nil {
		err = l.describe(headers, at)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("reading the dead letter at offset %d, remove what others wrote to the topic: %w", rec.Offset, err)
	}
	for i, h := range headers {
		if !at.has(i) {
			l.Headers = append(l.Headers, h)
		}
	}
	return l, nil
}

// places are the indices of the headers, in the order of names.
type places [len(names)]int

// locate finds the last header of each name: a letter that was rejected again
// has those of the first time among its record's own, before them.
func locate(headers []sink.Header) (at places, err error) {
	for n, name := range names {
		at[n] = -1
		for i, h := range headers {
			if h.Key == name {
				at[n] = i
			}
		}
		if at[n] < 0 {
			return at, fmt.Errorf("header %s is missing", name)
		}
	}
	return at, nil
}

func (p *places) has(i int) bool {
	for _, at := range p {
		if at == i {
			return true
		}
	}
	return false
}

// describe takes over what the headers say.
func (l *Letter) describe(headers []sink.Header, at places) error {
	value := func(n int) string { return string(headers[at[n]].Value) }
	l.Reason, l.Topic = value(0), value(1)
	partition, err := strconv.ParseUint(value(2), 10, 31) // neither is ever negative
	if err != nil {
		return fmt.Errorf("header %s: %w", HeaderPartition, err)
	}
	offset, err := strconv.ParseUint(value(3), 10, 63)
	if err != nil {
		return fmt.Errorf("header %s: %w", HeaderOffset, err)
	}
	l.Partition, l.Offset = int32(partition), int64(offset)
	ms, ok := instant.Parse(value(4))
	if !ok {
		return fmt.Errorf("header %s: %q is not a time", HeaderRejectedAt, value(4))
	}
	l.RejectedAt = ms
	return nil
}
