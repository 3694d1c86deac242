// Package change is Tidemark's output event: a customer moved from one segment to another.
//
// A change is one JSON value whose bytes are a function of its content alone: fields in a fixed
// order, no white space, nothing escaped that JSON need not escape. Its id is a hash of those
// bytes, so the same id always means the same bytes, and a consumer may drop repeats by id or by
// version. Everything here is pure: nothing in a value depends on when or where it was encoded.
package change
