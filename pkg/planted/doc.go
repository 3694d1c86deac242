// Package planted knows bugs that are planted on purpose: mistakes that a good
// engineer could make, each a condition at the place where it would be made. The
// simulator (pipeline/sim) switches one after the other on and has to notice
// every one; what it would not notice it does not guard.
//
//	if head != want && !planted.HeadCheckSkipped.On() {
//
// Without the build tag "mutants" On is constantly false, and the compiler
// removes the condition and what depends on it. A place that only an
// "else" would reach asks last, after every other condition: On counts how often
// a bug struck, and one that never does is no test of anything.
package planted
