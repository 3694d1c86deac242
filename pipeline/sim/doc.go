// Package sim runs the production shards in a world of its own: models of Kafka
// and Redis, several workers in a consumer group, a virtual clock. It holds what
// they did against a second, trivially simple reading of the contract.
//
//	scenario.go faults.go truncation.go   what a seed decides before a run begins
//	workload.go meaning.go rubbish.go     what producers send, and what it means
//	kafka.go transaction.go group.go      the models of the servers
//	redis.go session.go history.go
//	world.go worker.go run.go link.go io.go
//	                                      what happens when, and to whom
//	ending.go judge.go check_*.go         when a run is over, and whether it was right
//	model.go telling.go replay.go         the contract once more
//
// A world has one goroutine and one calendar. Every I/O of a shard has a moment
// at which it takes effect and a later one at which its answer arrives; either
// may never come. One seed decides all of it: the same seed gives the same trace,
// byte for byte.
//
// How a run is judged. A shard tells which record it takes at which stream time
// (ShardConfig.Observe); the simulator ties that to the commit that stores it,
// and the model of Redis keeps it as part of the state, so that a roll-back of
// Redis rolls it back, too. What is stored at the end therefore has an exact
// history. It must hold every record of the log once, in the order of the merge;
// replayed through the model it must give the stored customers, counters and
// dead letters; and every change ever published must follow from the place that
// it names, in this history or in one that Redis lost. Customers of whom nothing
// published was lost must have been told exactly what the model tells.
//
// Three things are out of its reach, by choice. A produce request of an old owner
// that arrives after its heir has read the changes topic, while Redis lost what
// had caused it: this hole is stated in DESIGN.md, and the network loses such
// requests here. A repeat of a change that arrives out of turn, of a customer who
// was forgotten since: after his tombstone nothing tells it from a lost change.
// And roll-backs at the time of a truncation, which would make the stop that has
// to follow a matter of luck.
package sim
