// Command faults runs the fault matrix on real processes: three tidemark workers,
// Kafka and Redis, each a process of its own, while a shop trades. make faults runs
// it; docs/reliability.md has its table and says how to read it.
//
// # A row
//
// A row is one fault. The harness gives it a field (field.go): a Redis of its own,
// a Kafka that it may share with other rows, a namespace with a backlog of events
// that three workers have consumed, and a shop that goes on trading. The row's
// apply does the harm, as often as its dose says, and notes how long recovery
// took: f.recovers(ctx, since) writes an event to every shard and waits for the
// change that it causes. When apply returns, the harness ends the trade, waits until
// everything is consumed, drains the workers, lets tidemark verify judge, and counts
// by plain readers what is lost, doubled or contradictory. All of them have to be 0.
//
//	func init() {
//		matrix = append(matrix, row{name: "kill-random", fault: "kill -9 a worker at random", full: 100, reduced: 3, apply: killAtRandom})
//	}
//
//	func killAtRandom(ctx context.Context, f *field) error {
//		for range f.dose {
//			f.runs++
//			…
//		}
//		return nil
//	}
//
// A row that needs other servers sets them up itself in servers, before the
// namespace is made; one whose service is not to come to a good end (it has to stop
// and say so) gives whole in place of apply, and judges by itself: f.begin, f.end and
// f.judge are the parts. An error of a row fails it, and the others go on.
package main
