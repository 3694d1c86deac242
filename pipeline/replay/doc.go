// Package replay runs the pipeline over files of events, and writes what
// followed from them: the changes, the customers' profiles, and what was
// rejected. It is the same pipeline as in production, on servers inside the
// process (package local), by the clock of the events alone. So the output is a
// function of the files and the policy: the same bytes on every run.
//
//  1. lines.go     files are split into lines
//  2. local.Feed   each line becomes a record of the log
//  3. replay.go    the pipeline runs over the log and ends
//  4. changes.go   the changes are read back from their topic,
//     letters.go   the rejected records from theirs,
//     profiles.go  the profiles from Redis
package replay
