package recordbatch

import "math"

// maxUnpacked bounds what one batch may unpack to: producers bound a batch
// before compressing it, at 1 MiB by default, so an honest one is far below.
const maxUnpacked = 256 << 20

// Reader walks the data records of a fetched piece of one partition's log, as
// a consumer that reads committed records only. The zero value is at the end
// of nothing; a Reader may be Reset any number of times. It allocates nothing
// per record, and per batch only what a compressed one unpacks to.
type Reader struct {
	raw  []byte // batches not opened yet
	from int64
	next int64 // Position
	end  int64 // one past the last batch, which the next one may not go back behind
	err  error

	transactions transactions
	unpacker     unpacker
	limit        int

	open    batch
	records cursor // of the open batch
	left    int    // records of the open batch not read yet
	offset  int64  // of the last one read
}

// Reset starts over at raw: the record set of one partition in the answer to a
// fetch from offset from, with the aborted transactions of the same answer.
// The reader keeps raw.
func (r *Reader) Reset(raw []byte, from int64, aborted []Aborted) {
	r.transactions.reset(aborted)
	*r = Reader{
		raw: raw, from: from, next: from, end: math.MinInt64,
		transactions: r.transactions, unpacker: r.unpacker, limit: maxUnpacked,
	}
}

// Next fills rec with the next record at or after the offset given to Reset,
// or returns false when there is none: control batches, aborted transactions
// and offsets that compaction removed are passed over, and a last batch that
// the broker cut short is left for the next fetch. Errors are *Error, name
// the batch, and stay; records returned before remain good.
func (r *Reader) Next(rec *Record) (bool, error) {
	for r.err == nil {
		if r.left == 0 {
			if !r.openNext() {
				break
			}
			continue
		}
		r.read(rec)
		if r.err == nil && rec.Offset >= r.from {
			return true, nil
		}
	}
	return false, r.err
}

// Position is the offset to consume next, and to fetch from: behind all that
// Next returned or passed over, and never before the offset given to Reset.
// With the last record of a batch it is behind the batch, and so behind what
// compaction took off its end.
func (r *Reader) Position() int64 { return r.next }

// openNext opens the next batch, or passes over it, which leaves no records to
// read. It returns false at the end and after an error.
func (r *Reader) openNext() bool {
	b, ok, err := frame(r.raw)
	if err != nil {
		r.err = err
		return false
	}
	if !ok {
		if len(r.raw) > 0 && r.next == r.from {
			r.err = cutShort(r.from) // fetching again would bring the same part, for ever
		}
		return false
	}
	r.raw = r.raw[len(b.raw):]
	if b.base < r.end {
		r.err = damaged(b.base, "the batch before it reaches further than its base offset")
		return false
	}
	r.end = b.last + 1
	if r.err = r.enter(b); r.err != nil {
		return false
	}
	if r.left == 0 {
		r.next = max(r.next, r.end)
	}
	return true
}

// enter prepares the records of b for reading, if it is to be read at all.
func (r *Reader) enter(b batch) error {
	if err := b.check(); err != nil {
		return err
	}
	if b.count() < 0 {
		return damaged(b.base, "impossible number of records")
	}
	// Transactions are followed through every batch, also one that is not read.
	if r.transactions.void(&b) || b.control() {
		return nil
	}
	if b.last < r.from { // brokers send whole batches; this one was consumed before
		return nil
	}
	if b.count() == 0 { // compaction keeps the empty shell while its producer is known
		return nil
	}
	records, err := r.unpacker.unpack(&b, r.limit)
	if err != nil {
		return err
	}
	r.open, r.records, r.left, r.offset = b, cursor{buf: records}, b.count(), b.base-1
	return nil
}

// read takes the next record of the open batch.
func (r *Reader) read(rec *Record) {
	body := cursor{buf: r.records.take(r.records.varint())}
	if r.records.bad {
		r.err = damaged(r.open.base, "a record reaches over its end")
		return
	}
	body.skip(1) // attributes, of which there are none
	timestamp := r.open.baseTime() + body.varint()
	offset := r.open.base + body.varint()
	key, value := body.nullable(), body.nullable()
	count := body.varint()
	headers := body.buf[body.at:]
	for i := int64(0); i < count && !body.bad; i++ {
		body.header()
	}
	if count < 0 || !body.done() {
		r.err = damaged(r.open.base, "a record's fields do not fill it")
		return
	}
	// The records behind this one need offsets too, so the damage shows before the position is past it.
	if offset <= r.offset || offset > r.open.last-int64(r.left-1) {
		r.err = damaged(r.open.base, "a record's offset is out of order")
		return
	}
	if r.left == 1 && !r.records.done() {
		r.err = damaged(r.open.base, "bytes follow its last record")
		return
	}
	if r.open.appendTime() {
		timestamp = r.open.maxTime()
	}
	*rec = Record{Offset: offset, Timestamp: timestamp, Key: key, Value: value, headers: headers, count: int(count)}
	r.advance(offset)
}

// advance moves behind a record that was read.
func (r *Reader) advance(offset int64) {
	r.left--
	r.offset = offset
	r.next = max(r.next, offset+1)
	if r.left == 0 {
		r.next = max(r.next, r.end)
	}
}
