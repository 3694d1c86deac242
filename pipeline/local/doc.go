// Package local is the whole of Tidemark inside one process: a Kafka broker and
// a Redis on loopback, the clients that production uses, and the pipeline over
// all shards. Replays and the demo are built on it. Nothing of it is kept.
package local
