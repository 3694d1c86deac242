package verify

import (
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/partition"
)

// judge decides about single records: accepted, or rejected for which reason.
// The fields are read by the decoder of events; what depends on where and when a
// record lies is decided here.
type judge struct {
	decoder     *event.Decoder
	rules       *rules
	partitioner partition.Partitioner
	event       event.Event
}

// lastInstant is the end of what RFC 3339 can say. A record's timestamp beyond
// it is none.
const lastInstant = 253402300799999

// accept reads a record into j.event; greatest is the greatest event time of
// the accepted records before it in its partition.
func (j *judge) accept(r *recordbatch.Record, shard, partitions int32, greatest int64) event.Reason {
	stamp := stamped(r)
	// Without a timestamp the decoder judges the fields alone. It takes the lack
	// of any time for a missing field, which is then asked again.
	at := event.Record{Timestamp: -1, Latest: none}
	reason := j.decoder.Decode(r.Value, at, &j.event)
	if reason == event.MissingField && stamp >= 0 {
		at.Timestamp = stamp
		reason = j.decoder.Decode(r.Value, at, &j.event)
	}
	if reason != event.OK {
		return reason
	}
	ev := &j.event
	ev.Time = ev.OccurredAt
	if ev.OccurredAt == none || stamp >= 0 && stamp < ev.OccurredAt {
		ev.Time = stamp
	}
	switch {
	case j.partitioner.Partition(ev.Customer, partitions) != shard:
		return event.Misplaced
	case ev.OccurredAt != none && stamp >= 0 && ev.OccurredAt > stamp+j.rules.skew:
		return event.FutureDated
	case greatest != none && ev.Type != event.Forget && ev.Time <= greatest-j.rules.horizon:
		return event.TooLate
	}
	return event.OK
}

// stamped is the record's time, or that of the record it was forwarded from,
// where this is earlier; -1 is none.
func stamped(r *recordbatch.Record) int64 {
	own := r.Timestamp
	if own < 0 || own > lastInstant {
		own = -1
	}
	header, _ := r.Header("tidemark-timestamp")
	first, err := strconv.ParseUint(string(header), 10, 63)
	if err != nil || first > lastInstant || own >= 0 && int64(first) >= own {
		return own
	}
	return int64(first)
}

// checksum recognises a record.
func checksum(r *recordbatch.Record) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(r.Key)
	_, _ = d.Write([]byte{0})
	_, _ = d.Write(r.Value)
	return d.Sum64()
}
