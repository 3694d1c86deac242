package recordbatch

import (
	"iter"
	"unsafe"
)

// Record is one data record of a partition's log. Its slices alias the bytes
// given to Reader.Reset, or those unpacked from them, and are good for as long
// as nobody writes to these; a Record that is reused does not spoil them.
type Record struct {
	Offset     int64
	Timestamp  int64  // unix ms; the append time on a LogAppendTime topic; negative: none
	Key, Value []byte // nil is null, which is not the same as empty

	headers []byte // as they lie in the batch; Reader has checked their shape
	count   int
}

// Header is one header of a record. A nil Value is null.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the value of the last header called name (as lastHeader of
// the Java client: the last one was added by whoever handled the record last).
func (r *Record) Header(name string) (value []byte, ok bool) {
	c := cursor{buf: r.headers}
	for range r.count {
		key, v := c.header()
		if string(key) == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// Headers yields the headers in the record's order. Keys and values alias the
// batch like the record's other slices.
func (r *Record) Headers() iter.Seq[Header] {
	return func(yield func(Header) bool) {
		c := cursor{buf: r.headers}
		for range r.count {
			key, value := c.header()
			if !yield(Header{Key: alias(key), Value: value}) {
				return
			}
		}
	}
}

// Size is what the record takes, unpacked: key, value and headers, in bytes.
func (r *Record) Size() int { return len(r.Key) + len(r.Value) + len(r.headers) }

// AppendHeaders appends the headers to dst.
func (r *Record) AppendHeaders(dst []Header) []Header {
	for h := range r.Headers() {
		dst = append(dst, h)
	}
	return dst
}

// alias makes a string of bytes that nobody will write to: a copy would be an
// allocation per header.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
