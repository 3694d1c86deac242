// Package profile keeps what is known about one customer: an order ledger that
// is the same whatever the order and the repetition of the events that made it,
// and what was last published about him.
package profile
