package demo

import (
	"github.com/tidemark/tidemark/pkg/segment"
)

// Step is what the demo is doing.
type Step uint8

// The steps of a demo, in order.
const (
	Starting   Step = iota // the servers, and the shop's history
	CatchingUp             // the pipeline works through the history
	Live                   // a day per second
	Verifying              // everything is recomputed
)

// Snapshot is everything there is to show at one moment.
type Snapshot struct {
	Step        Step
	Days        int   // of history
	Time        int64 // stream time of the shard that is furthest, unix ms; instant.None before the first event
	Events      int64 // taken from the log
	Rate        int64 // of them in the last second
	Changes     int64
	DeadLetters int64
	Sizes       [segment.Count]int64
	Moves       []Move // the changes since the last snapshot, the oldest first; at most some
	RedisAddr   string // where `tidemark get` finds the customers
}

// Move is one change of segment.
type Move struct {
	Customer string
	From, To segment.Segment
	At       int64 // unix ms
	Cause    string
}
