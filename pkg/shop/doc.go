// Package shop simulates a shop: the purchases, clicks, refunds and erasures
// of its customers, as lines of native events in the order in which they
// arrive. It is the source behind `tidemark generate` and `tidemark demo`.
//
// Purchases follow BG/NBD (Fader, Hardie and Lee, 2005): while a customer is
// active he buys as a Poisson process, after each repeat purchase he lapses
// with a fixed probability, and both the rate and the probability differ
// between customers, Gamma and Beta distributed. What is spent follows
// Gamma-Gamma. Around these the package adds what a log of a real shop has:
// visits that end without a purchase, prospects who never buy, refunds some
// days later, corrected orders, the odd erasure, and customers who come back.
//
// A Shop is a function of its Options alone: the same options give the same
// bytes on every machine. So nothing here reads a clock or ranges over a map,
// random numbers come from one PCG, and floating-point arithmetic is written
// so that no compiler may fuse or replace it (exact.go).
//
// It streams: the work per event grows with the logarithm of the number of
// customers, the memory with their number, and neither with the length of the
// log.
package shop
