//go:build failpoints

package pipeline

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What a build with fail points is told by its environment.
const (
	failPointVariable = "TIDEMARK_FAILPOINT" // <io>.<before|after>:<passing>[:stop], as in commit.after:3
	clockVariable     = "TIDEMARK_CLOCK"     // a file with a duration: how far the wall clock is shifted now
	groupVariable     = "TIDEMARK_GROUP"     // what the name of the consumer group ends with
)

// failPoint is where this process ends, or stops until somebody continues it:
// before an I/O of a shard is begun, or after it was done and before the shard
// knows.
type failPoint struct {
	mu     sync.Mutex
	kind   string
	moment string
	left   int // passings until it acts; 0: it has, or never does
	signal syscall.Signal
}

// planned is the fail point of this process.
var planned = mustParseFailPoint(os.Getenv(failPointVariable))

// act is what happens there: the signal ends or stops every thread, as whoever
// sends it from outside would.
var act = func(f *failPoint) {
	fmt.Fprintf(os.Stderr, "fail point %s.%s: %v\n", f.kind, f.moment, f.signal)
	_ = syscall.Kill(os.Getpid(), f.signal)
	if f.signal == syscall.SIGKILL {
		select {} // nothing more is done until the signal has arrived
	}
}

func mustParseFailPoint(text string) *failPoint {
	f, err := parseFailPoint(text)
	if err != nil {
		panic(err)
	}
	return f
}

// parseFailPoint reads one; none is meant by the empty text.
func parseFailPoint(text string) (*failPoint, error) {
	f := &failPoint{signal: syscall.SIGKILL}
	if text == "" {
		return f, nil
	}
	place, passing, _ := strings.Cut(text, ":")
	passing, signal, _ := strings.Cut(passing, ":")
	f.kind, f.moment, _ = strings.Cut(place, ".")
	var err error
	f.left, err = strconv.Atoi(passing)
	known := false
	for kind := OpHead; kind < opKinds; kind++ {
		known = known || f.kind == kind.String()
	}
	switch {
	case err != nil || f.left < 1 || !known || f.moment != before && f.moment != after || signal != "" && signal != "stop":
		return nil, fmt.Errorf("%s=%s: write <io>.<before|after>:<passing>[:stop]", failPointVariable, text)
	case signal == "stop":
		f.signal = syscall.SIGSTOP
	}
	return f, nil
}

// pass is called wherever a fail point could be.
func pass(kind OpKind, moment string) { passed(kind.String(), moment) }

var passed = planned.pass

func (f *failPoint) pass(kind, moment string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if kind != f.kind || moment != f.moment || f.left == 0 {
		return
	}
	if f.left--; f.left == 0 {
		act(f)
	}
}

// shift is the file that says how far the wall clock is shifted.
var shift struct {
	mu  sync.Mutex
	at  time.Time // of the last look
	now time.Duration
}

// shiftInterval is how old a look may be.
const shiftInterval = 50 * time.Millisecond

// clockShift is how far the wall clock is shifted, ms. A file that is not there
// or half written leaves it as it was.
func clockShift() int64 {
	file := os.Getenv(clockVariable)
	if file == "" {
		return 0
	}
	shift.mu.Lock()
	defer shift.mu.Unlock()
	if now := time.Now(); now.Sub(shift.at) >= shiftInterval {
		shift.at = now
		text, _ := os.ReadFile(file)
		if by, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
			shift.now = by
		}
	}
	return shift.now.Milliseconds()
}

// groupID is the name of a group that takes the shards from the namespace's own.
func groupID(id string) string { return id + os.Getenv(groupVariable) }
