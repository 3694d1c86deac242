// Command bench measures the service as it runs in production: the tidemark
// binary, a Kafka broker and a Redis, each a process of its own on this machine.
// It writes one table and the same as JSON. docs/performance.md says what the
// figures mean; make bench runs it.
//
// With -peers it runs another engine's program over the same log instead, turn
// by turn with Tidemark (peers.go).
package main
