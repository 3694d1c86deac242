// Package profile keeps what is known about one customer: an order ledger and
// what was last published about him.
//
// # The ledger
//
// Events reach a profile late, twice or in another order than they happened in.
// Everything kept is therefore a join of values that only grow: an order's
// earliest and latest time, its amount by the greatest (time, amount), each
// refund by its greatest value, a set of days, sums that saturate. So the same
// events give the same ledger, to the byte of its stored form.
//
// Three things forget, and each leaves what is needed to stay exact:
//
//	the horizon    an order without an event for a horizon and seven days is folded into Lifetime (Expire)
//	the limit      orders above it are folded early and leave a Floor; events at or below it have no effect (Apply)
//	an erasure     everything goes but a tombstone; events up to it have no effect for one horizon (Apply, Expire)
//
// # A customer's step
//
//	p.Expire(s, horizon)       bring the ledger to stream time s
//	p.Apply(event, s, policy)  fold the event in
//	p.Append(dst)              the bytes to store
//
// Expire comes first, so that an event which arrives at the very instant an
// order is folded finds it folded.
//
// # Stored form
//
// One line of JSON for readers in any language, then protobuf as in
// profile.proto, written and read by hand: a shard encodes every customer that a
// batch touched, and generated code would allocate for each field. Equal
// profiles are equal bytes.
package profile
