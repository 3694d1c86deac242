// Package replay runs the pipeline over a log from its beginning, and writes what
// followed from it: the changes, the customers' profiles, and what was rejected. It
// is the same pipeline as in production, by the clock of the events alone. So the
// output is a function of the log and the policy: the same bytes on every run.
//
// Run replays files of events, on servers inside the process (package local):
//
//  1. lines.go     files are split into lines
//  2. feed.Feed    each line becomes a record of the log
//  3. replay.go    the pipeline runs over the log and ends
//  4. changes.go   the changes are read back from their topic,
//     letters.go   the rejected records from theirs,
//     profiles.go  the profiles from Redis
//
// FromKafka (kafka.go) replays topics on the servers of a configuration
// (servers.go), into a namespace of its own. What would go to Kafka goes to files
// of this process instead (spool.go), and step 4 is the same.
package replay
