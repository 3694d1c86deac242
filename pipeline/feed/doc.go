// Package feed writes lines of events to Kafka as a shop's producers would: each
// to its topic and to the partition of its customer, as fast as it can or at an
// exact rate, dated as they say or now.
package feed
