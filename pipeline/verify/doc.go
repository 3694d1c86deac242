// Package verify recomputes a namespace from its log and compares: every
// customer in Redis, every published change, the accounting. It judges the
// engine, so it shares nothing with it: the rules of the contract stand here a
// second time (person.go, lifecycle.go), the stored profile is read by hand
// (stored.go), expected changes are written by hand (expect.go). What is shared
// is what both must agree on to read the same log at all: the decoding of an
// event's fields, money, instants, partitioners and the policy's settings.
//
// # How a shard is verified
//
//  1. shard.go reads the shard's hash: how far it has consumed its inputs, its
//     stream time, how it started.
//  2. told.go reads what was published: the changes partition and, behind it, the
//     outbox. Repeats of an id must be equal bytes.
//  3. merge.go reads the inputs from their beginning to the stored offsets, merged
//     by event time, and judges each record (judge.go).
//  4. keyspace.go reads the customers with their timers.
//  5. Each customer is recomputed: exactly after a replay (exact.go), where the
//     order of the records and every stream time follow from the log; else by
//     looking for an order that explains what was published (search.go). Then his
//     stored value is compared with the result (compare.go).
//  6. account.go compares the counters.
//
// Customers are taken in slices by a hash of their id, so that memory is
// bounded: a slice's events and changes are held at once, and each slice reads
// the shard's log again.
//
// # A live run
//
// How the topics interleaved was decided by arrival and is not in the log. What
// is known of it are the positions that the changes name (tidemark-at). Between
// two positions of a shard the order of one customer's records across topics, and
// the stream time of each, are free within bounds. A chain of changes is right if
// some choice gives exactly this chain, byte by byte, and nothing else; a change
// is missing if none does. By the wall clock stream time may be ahead of every
// event, which shows in no record: what became of events is counted over all ways
// that explain a customer (tally.go).
//
// After a rollback of Redis that lost published changes (the shard's counter
// adopted tells) the positions no longer lie on one line, and adopted customers
// were silent for a while. Then each change is held against the prefix that its
// own position names, and the chain against itself (rewound.go).
package verify
