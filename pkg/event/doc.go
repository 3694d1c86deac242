// Package event is one thing that one customer did, and its decoding from the native JSON form.
//
// Decoding is strict, because what one reader lets pass another one refuses, and two programs that read the same log
// must agree on every record. A value is first scanned once, from its first byte to its last (json.go, text.go,
// names.go), noting where the fields of an event lie; only when all of it is one well-formed document are the fields
// judged, in the order that decides which reason is given (decode.go). No value is copied unless it holds escapes.
package event
