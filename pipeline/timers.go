package pipeline

import (
	"math"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Two places of the timers outside of time. A customer whose bootstrap is due
// when silence ends stands before every deadline; an adopted one, who may not
// be looked at before the log is read again, behind all of them.
const (
	pendingTimer int64 = 0 // a stored profile has no time before 1970
	adoptedTimer int64 = 1 << 52
)

const noTimer int64 = math.MaxInt64

// While events come and are told as they come, a wave of timers must not hold them
// up: it is fired in small pieces, and behind each the shard rests from timers for
// a multiple of what the piece took. Small pieces alone do not do it, as each waits
// for those of the other shards in the queues of the same servers.
const (
	timerRest   = 4
	longestRest = 1000    // ms
	longestWave = 300_000 // ms: whoever has waited for so long waits no longer for events
	lively      = 5000    // ms since an event came, and that stream time may lie behind where it could be
)

// piece is the one of a wave that is under way, and the rest behind it.
type piece struct {
	timers int   // that came with it, until they are stored
	full   bool  // there may be more
	begun  int64 // tick
	rest   int64 // tick before which no timers are read
	since  int64 // tick of the wave's first piece, 0: there is none
}

// arm sets a customer's timer lazily: only where he has none or the new
// deadline is earlier, so that an active customer is written once per period
// and not once per event. A timer that is due is set anew as well, which saves
// looking at him for nothing.
func (s *Shard) arm(e *entry) {
	p := &e.profile
	want := p.Wake(s.horizon)
	switch p.Mark {
	case profile.Adopted:
		want = adoptedTimer
	case profile.Pending:
		want = pendingTimer
	}
	if want == p.Armed || p.Segment == segment.None && p.ForgottenAt != instant.None && planted.ForgetLeavesTimer.On() {
		return
	}
	if want == instant.None || p.Armed == instant.None || want < p.Armed && !planted.DeadlineOverslept.On() || want == adoptedTimer ||
		p.Armed == adoptedTimer || p.Armed <= s.state.Clock {
		p.Armed = want
		s.open.rearm(e)
		if want != instant.None {
			s.nextTimer = min(s.nextTimer, want)
			s.open.firstTimer = min(s.open.firstTimer, want)
		}
	}
}

// timersDue reports that armed timers should be read: some may have come, and
// what the last piece changed is stored, so that it is not read again.
func (s *Shard) timersDue() bool {
	if s.silent() || s.draining || s.commitsDone() < s.dueAfter || s.tick < s.piece.rest {
		return false
	}
	return s.walking() || s.nextTimer <= s.state.Clock
}

// readTimers asks for the next piece. Where events fill the commits anyway, timers
// may take as much of them as the events do.
func (s *Shard) readTimers() *Op {
	limit := s.cfg.Limits.TimerPiece
	if s.yielding() {
		limit = min(limit, max(1, s.cfg.Limits.LivePiece, s.eventful))
	}
	s.piece = piece{begun: s.tick, since: s.piece.since}
	return s.start(&Op{Kind: OpDue, From: s.timersFrom(), Limit: limit})
}

// yielding reports that timers leave room for events: events come, or would have
// no time to show after the take-over, and no backlog of them is being worked off;
// and this is no replay, and neither a wave nor the end of a rollback that has
// waited long enough. Else more timers than yielding leaves room for, minute after
// minute, would fall behind for ever.
func (s *Shard) yielding() bool {
	if s.piece.since > 0 && s.tick-s.piece.since > longestWave {
		return false
	}
	return s.cfg.WallClock && !s.walking() && s.tick-max(s.heard, s.liveSince) <= lively && s.state.Clock >= s.now-s.cfg.TimerGrace-lively
}

// pieceStored begins the rest behind a piece when a commit of so many customers is
// stored that holds it: for the part of the time that is its part of the customers.
func (s *Shard) pieceStored(customers int) {
	p := &s.piece
	if p.timers == 0 || s.commitsDone() < s.dueAfter {
		s.eventful = customers
		return
	}
	s.eventful = max(customers-p.timers, 0)
	if p.full && s.yielding() {
		took := (s.tick - p.begun) * int64(p.timers) / int64(max(customers, p.timers))
		p.rest = s.tick + min(timerRest*took, longestRest)
	}
	p.timers = 0
}

// came notes what a piece brought.
func (p *piece) came(timers int, full bool, tick int64) {
	p.timers, p.full = timers, full
	switch {
	case !full:
		p.since = 0
	case p.since == 0:
		p.since = max(tick, 1)
	}
}

// timersFrom is where the next piece begins.
func (s *Shard) timersFrom() int64 {
	if s.walking() {
		return adoptedTimer
	}
	return instant.None
}

// walking reports that adopted customers are being released.
func (s *Shard) walking() bool { return s.released && !s.walked }

// due stages the customers of a piece whose timers have come.
func (s *Shard) due(op *Op) {
	walking := op.From == adoptedTimer
	s.nextTimer = min(s.open.firstTimer, s.writingTimer) // what the answer cannot know of yet
	came := 0
	for _, t := range mutateOrder(op.Timers) {
		if t.At > s.state.Clock && !walking {
			s.nextTimer = min(s.nextTimer, t.At)
			break
		}
		came++
		s.staged = append(s.staged, staged{lane: -1, entry: s.entry(t.Customer)})
	}
	s.piece.came(came, came == op.Limit, s.tick)
	if s.piece.full && !planted.PieceForgotten.On() {
		s.nextTimer = op.Timers[came-1].At
	}
	if walking {
		s.nextTimer = instant.None // the ordinary timers were not looked at
		if came == 0 {
			s.walked = true
			s.state.Adopt = nil
			s.open.moved = true
		}
	}
	// The piece must be stored before the next one is read, or it would be read
	// again; with nothing to store the answer was the truth.
	s.dueAfter = s.commits
	if came > 0 || !s.open.empty() {
		s.dueAfter++
		s.open.moved = true
	}
}

// commitsDone is the number of the last commit that was answered.
func (s *Shard) commitsDone() int64 {
	if s.writing != nil && s.writing.Kind == OpCommit {
		return s.commits - 1
	}
	return s.commits
}

// rearm notes that a customer's timer has to be written.
func (b *batch) rearm(e *entry) { b.armed = append(b.armed, e) }

// timers returns the timers to write, each customer's once.
func (b *batch) timers() []store.Timer {
	if len(b.armed) == 0 {
		return nil
	}
	timers := make([]store.Timer, 0, len(b.armed))
	for _, e := range b.armed {
		if e.rearmed {
			continue
		}
		e.rearmed = true
		timers = append(timers, store.Timer{Customer: e.id, At: e.profile.Armed})
	}
	for _, e := range b.armed {
		e.rearmed = false
	}
	return timers
}
