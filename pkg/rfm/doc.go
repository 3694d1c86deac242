// Package rfm computes recency, frequency and monetary value from a profile, in
// two conventions that must not be mixed up:
//
//   - Summary is the contract's: counted orders and their net amounts in a sliding
//     window, recency from the latest counted order. Segments, changes and readers
//     use it.
//   - BTYD is that of the buy-till-you-die models (BG/NBD, Gamma-Gamma): distinct
//     purchase days, of which the first is no repetition, over the whole lifetime.
package rfm
