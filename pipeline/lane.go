package pipeline

import (
	"github.com/cespare/xxhash/v2"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/event"
)

// lane is one input partition of a shard: fetched bytes, and the record at
// their head. Records are decoded in place, one ahead of the merge; nothing is
// kept of them but slices of the fetched bytes.
type lane struct {
	topic    string
	chunks   []chunk // fetched and not yet read to the end, oldest first
	reader   recordbatch.Reader
	reading  bool
	buffered int   // bytes in chunks
	ask      int64 // offset of the next fetch
	position int64 // next offset to take: behind everything taken and passed over
	latest   int64 // greatest event time of accepted records taken, unix ms

	head   taken // the next record, decoded
	ready  bool  // head is set
	asOf   int64 // tick at which the leader was asked for its last answer; never, where it could not be since
	high   int64 // high watermark in that answer
	stable int64 // what of it can be read: open transactions hold it back
	heard  bool  // there was one since the take-over
	broken error // what the bytes could not be read for
	end    int64 // a replay takes nothing from here on
	leader int32 // the epoch of the last one known to have what we consumed
	looked int64 // how far a new one was looked at behind that, 0 at first
	start  int64 // where the log began, in the last answer
	gaps   int   // times in which nobody saw the log
	proved int   // ... behind which it was found to be the same
}

// chunk is the answer to one fetch.
type chunk struct {
	raw     []byte
	from    int64
	aborted []recordbatch.Aborted
	leader  int32 // the greatest epoch of its batches
	gaps    int   // of the lane, before it came
}

// taken is one record out of a lane, decoded and judged.
type taken struct {
	event  event.Event
	record recordbatch.Record
	reason event.Reason
	next   int64 // the offset behind it
	latest int64 // greatest event time of the partition's accepted records, this one included
}

// rewind throws away what was fetched and goes on at an offset, up to end, in a log
// that was seen at a tick.
func (l *lane) rewind(offset, end, latest, seen int64) {
	*l = lane{topic: l.topic, ask: offset, position: offset, end: end, latest: latest, leader: -1, asOf: seen}
}

// push takes the answer to a fetch at ask, which went out at the tick asked and
// came at tick. An empty one only tells about the log's end.
func (l *lane) push(f *source.Fetched, asked, tick int64) {
	l.seen(asked, tick)
	l.high, l.stable, l.start, l.heard = f.HighWatermark, f.LastStable, f.LogStart, true
	if len(f.Raw) == 0 {
		return
	}
	l.ask = recordbatch.End(f.Raw, f.Offset)
	l.chunks = append(l.chunks, chunk{raw: f.Raw, from: f.Offset, aborted: f.Aborted,
		leader: recordbatch.LeaderEpoch(f.Raw), gaps: l.gaps})
	l.buffered += len(f.Raw)
}

// advance decodes the next record into head; false if none is buffered.
func (l *lane) advance(d *event.Decoder, partition, partitions int32) bool {
	for !l.ready {
		if !l.reading {
			if len(l.chunks) == 0 || l.unproven() {
				return false
			}
			l.reader.Reset(l.chunks[0].raw, max(l.chunks[0].from, l.position), mutateAborted(l.chunks[0].aborted))
			l.reading = true
		}
		ok, err := l.reader.Next(&l.head.record)
		if err != nil {
			l.broken = err
			return false
		}
		if !ok {
			l.position = max(l.position, min(l.reader.Position(), l.end))
			l.buffered -= len(l.chunks[0].raw)
			l.chunks[0] = chunk{}
			l.chunks = l.chunks[1:]
			l.reading = false
			continue
		}
		if l.head.record.Offset >= l.end {
			l.finish()
			return false
		}
		l.decode(d, partition, partitions)
	}
	return true
}

// finish drops what lies behind the end: it came after the replay began.
func (l *lane) finish() {
	l.position = max(l.position, l.end)
	l.chunks, l.buffered, l.reading = nil, 0, false
}

// decode judges the record at the head.
func (l *lane) decode(d *event.Decoder, partition, partitions int32) {
	h := &l.head
	h.reason = d.Decode(h.record.Value, event.Record{
		Timestamp:  source.Timestamp(&h.record),
		Partition:  partition,
		Partitions: partitions,
		Latest:     l.latest,
	}, &h.event)
	h.next = h.record.Offset + 1
	h.latest = l.latest
	if h.reason == event.OK {
		h.latest = max(l.latest, h.event.Time)
	}
	l.ready = true
}

// take moves the head to where it is kept.
func (l *lane) take(to *taken) {
	*to = l.head
	l.ready = false
	l.position = l.head.next
	l.latest = l.head.latest
}

// passed is the offset up to which nothing is left to take: that of the head,
// where there is one.
func (l *lane) passed() int64 {
	if l.ready {
		return l.head.record.Offset
	}
	return l.position
}

// drained reports that nothing fetched is left.
func (l *lane) drained() bool { return !l.ready && len(l.chunks) == 0 }

// caughtUp reports that an answer from the leader, at most age ms old, says
// that everything there is has been taken; and it is still the same log.
func (l *lane) caughtUp(tick, age int64) bool {
	return l.drained() && l.heard && tick-l.asOf <= age && l.high == l.position && l.gaps == l.proved
}

// checksum recognises a record: its key and its value.
func checksum(r *recordbatch.Record) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(r.Key)
	_, _ = d.Write([]byte{0})
	_, _ = d.Write(r.Value)
	return d.Sum64()
}
