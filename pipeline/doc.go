// Package pipeline turns input events into stored segments and published
// changes. It does all I/O of the project; the rules live in pkg.
//
// # The path of an event
//
//  1. fetcher.go asks Kafka for raw record batches of all inputs of all shards
//     in one request per broker (source).
//  2. driver.go hands a shard its part. The driver has the goroutines and
//     decides nothing; the shard (shard.go) decides everything and has no
//     goroutine, channel, clock or client.
//  3. lane.go reads records out of the batches in place and has them decoded and
//     judged (pkg/event). A rejected one goes to the dead letters from here. A log
//     that has a new leader, or went unseen, first proves that it is still the one
//     that was consumed (proof.go).
//  4. shard.go, collect: of the records at the heads of the inputs the earliest
//     comes first. An input that may still bring an earlier one is waited for
//     (streamtime.go, where time moves without an event too).
//  5. cache.go knows the customer, or he is loaded (store), many at once.
//  6. shard.go, accept: stream time moves; the customer's own deadlines fire; the
//     event is applied; he is evaluated once (pkg/customer). What changed goes
//     to the outbox with the place in the logs at which it did.
//  7. timers.go: other customers' deadlines fire in pieces between events.
//  8. batch.go: dead letters are written, then one script commits customers,
//     timers, outbox, offsets and counters, if the head is still ours (store).
//  9. publish.go: stored changes go to Kafka in order (sink). What Kafka
//     acknowledged leaves the outbox with the next commit.
//
// # When something goes wrong
//
// Any answer but OK from the store makes the shard drop its memory and take
// itself over again (ownership.go, takeover.go): read the head, prove to the
// group that we own it, replace the head, compare the stored offsets with the
// logs, read in the changes topic what the world was told (memory.go), and go on
// from the stored offsets. It is the one path for crashes, other owners, zombies
// and a Redis that went back in time. stop.go lists what a shard does not go on
// with.
//
// silence.go is the first start on a log with history. mutate.go has the larger of
// the planted bugs (pkg/planted) that the simulator (sim) must catch.
package pipeline
