// Package repartition forwards events from topics that are keyed otherwise, or
// have another number of partitions, to an input: each to the partition of its
// customer, with the time of the record that it was, in the order of event time.
//
// The order matters for history: an event is too late by what lies before it in
// its partition of the input, so topics read at their own pace would make good
// events of the slower one too late. Partitions are merged by the event time that
// the worker will see; one that is caught up holds nobody back.
//
// It is at least once. All that it remembers are the offsets of its consumer
// group, committed when everything before them is acknowledged, so a crash
// repeats some records and loses none; events carry ids, and a repeat means
// nothing. Of one partition's records, those of one customer stay in order.
package repartition
