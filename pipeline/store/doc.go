// Package store keeps the keyed state of shards in Redis: its keys, its
// commit, and the adapter that speaks to a server.
//
// Everything a shard owns shares one Redis hash tag, so that one script can
// change it atomically, in a single server and in a cluster alike:
//
//	tm:<namespace>:{<shard>}:shard        hash    head, stream time, offsets, counters (State)
//	tm:<namespace>:{<shard>}:c:<customer> string  a line for readers, then the profile
//	tm:<namespace>:{<shard>}:timers       zset    customer by deadline, unix ms
//	tm:<namespace>:{<shard>}:outbox       string  changes that Kafka has not acknowledged
//
// A commit is a compare-and-set of the head: a worker whose head is no longer
// the stored one changes nothing, however late its command arrives.
package store
