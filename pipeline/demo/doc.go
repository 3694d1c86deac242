// Package demo shows the pipeline at work on a simulated shop whose time runs
// fast: a first look for somebody who has nothing but this program.
//
//	shop ── feed ──▶ Kafka ──▶ pipeline ──▶ Kafka ──▶ watch ──▶ Snapshot ──▶ View or Lines
//
// Everything up to the snapshots is the same as in production, on servers inside
// the process, but for the clock: the shards are told a time of which a day
// passes in a second. What is shown is made of snapshots alone.
package demo
