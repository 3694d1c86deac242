// Package customer is one customer's step: what happens to a profile when time passes or an event
// arrives, and which changes follow from it.
//
// The order of a step is part of the contract, because it decides what is published:
//
//	Fire     the customer's own deadlines up to the stream time, one after the other;
//	         then what falls due without a word is expired (orders fold, tombstones end)
//	Apply    the event changes the ledger, and the customer is evaluated once
//
// So a customer who was due to churn yesterday and buys today churns first, as of yesterday, and
// comes back today: exactly what would have been published had a timer fired in between. Between
// steps a profile's Segment is what readers see and NextAt, where it has one, lies ahead of the
// stream time.
//
// A customer may owe the world a word, which the profile's Mark says: Pending after a silent start
// (Bootstrap), Adopted after a rollback (Absorb, later Recover). The caller decides when.
//
// Nothing here does I/O, reads a clock or keeps anything between calls: the stream time comes in,
// changes go out. The files in testdata are the rules as scenarios that can be read without Go;
// testdata/README.txt explains their language.
package customer
