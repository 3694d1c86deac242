// Package sim runs the production shards over models of Kafka and Redis, under a
// virtual clock. One seed decides the workload and every interleaving, crash,
// delay, lost reply and rollback; the same seed gives the same trace, byte for
// byte. At the end the state, the changes and the dead letters are held against a
// model of the contract that is as simple as it can be and shares no code with
// the rules.
//
// run.go drives one shard on a model worker, world.go the clock, faults.go what
// goes wrong; kafka.go and redis.go are the models, which pass the conformance
// suites of real servers; meaning.go is the contract; check_*.go compare.
package sim
