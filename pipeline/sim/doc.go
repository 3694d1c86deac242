// Package sim runs the production shards in a world of its own: models of Kafka
// and Redis, several workers in a consumer group, a virtual clock. It holds what
// they did against a second, trivially simple reading of the contract.
//
//	scenario.go faults.go truncation.go   what a seed decides before a run begins
//	case.go shrink.go sweep.go            less of it; the least that fails; many seeds
//	workload.go wave.go meaning.go rubbish.go
//	                                      what producers send, and what it means
//	kafka.go transaction.go election.go   the model of Kafka, and how it loses what it had
//	redis.go session.go history.go failover.go
//	                                      the model of Redis, and how it does
//	group.go stranger.go                  the consumer group, and who does not belong to it
//	world.go worker.go run.go link.go io.go
//	                                      what happens when, and to whom
//	invariant.go                          what has to be true after every commit
//	ending.go judge.go check_*.go         when a run is over, and whether it was right
//	model.go telling.go replay.go         the contract once more
//
// A world has one goroutine and one calendar. Every I/O of a shard has a moment
// at which it takes effect and a later one at which its answer arrives; either
// may never come. One seed decides all of it: the same seed gives the same trace,
// byte for byte. The program simulate runs seeds by hand, for a night too, and
// finds what is essential of one that fails.
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
// While it runs, every commit is looked at, in what it touched: one head, which
// counts commits; nothing goes back; what was consumed is accounted for; rejected
// records lie in the dead letters; the outbox lacks no change that Kafka does not
// have, and every version has one; timers are where profiles say, in time; sizes
// count. No change is sent that is not stored. No shard holds more in memory than
// Limits.Most. A failure names the step, the virtual time and the shard.
//
// How far the contract reaches. A produce request of an old owner may land after
// its heir has read the changes topic. Where Redis has kept what caused it, or
// waited for it to be durable, this changes nothing, and nothing is excused.
// Where Redis lost it, at that very time, the world may be told a version twice:
// the hole that DESIGN.md states. Of customers in such a request the chain of
// versions is not judged; that each change is true, what is stored of them, and
// everybody else, is.
//
// Out of its reach, by choice: a repeat of a change that arrives out of turn, of a
// customer who was forgotten since (after his tombstone nothing tells it from a
// lost change). Roll-backs at the time of a truncation or of an unclean election,
// which would make the stop that has to follow a matter of luck. An unclean leader
// that holds the very record that was consumed last, before which others differ. A
// topic made again within the half a second for which a log may go unseen.
// Both clocks, a worker's and Redis's, ahead of the time at once. NOSCRIPT, which
// a session answers by itself: the conformance suite has it.
package sim
