package recordbatch

import "iter"

// Record is one data record of a partition's log. Its slices alias the bytes
// given to Reader.Reset (or those unpacked from them) and stay valid as long
// as these do; nobody writes to either.
type Record struct {
	Offset     int64
	Timestamp  int64  // unix ms; the broker's append time on a LogAppendTime topic; negative: none
	Key, Value []byte // nil = null, which is not the same as empty

	headers []byte // as they lie in the batch, already checked
	count   int    // how many
}

// Header is one header of a record. A nil Value is null.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the value of the last header called name, as the Java
// client's lastHeader does.
func (r *Record) Header(name string) (value []byte, ok bool) { return nil, false }

// Headers yields the record's headers in order. Keys and values alias the
// batch like the record's other slices.
func (r *Record) Headers() iter.Seq[Header] { return func(func(Header) bool) {} }

// AppendHeaders appends the record's headers to dst, for callers that keep them.
func (r *Record) AppendHeaders(dst []Header) []Header { return dst }
