package pipeline

import (
	"errors"
	"math"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
)

// Causes of a take-over besides the kinds of I/O that failed.
const (
	causeStart = "start"
)

// start notes an I/O as under way.
func (s *Shard) start(op *Op) *Op {
	op.Epoch = s.epoch
	switch op.Kind {
	case OpCommit, OpWait:
		s.writing = op
	case OpPublish:
		s.publishing = op
	default:
		s.main = op
	}
	return op
}

// Done takes a finished I/O. Answers to an ownership that is over change
// nothing, but that a publication is no longer under way.
func (s *Shard) Done(op *Op, c Clock) {
	s.tick, s.now = c.Tick, c.Now
	if op == s.publishing {
		s.publishing = nil
	}
	if op.Epoch != s.epoch && !planted.OldAnswerTaken.On() || s.stop != nil {
		return
	}
	switch op {
	case s.main:
		s.main = nil
	case s.writing:
		s.writing = nil
	}
	switch {
	case op.Kind == OpPublish:
		s.published(op)
	case op.Kind == OpBury:
		s.buried(op)
	case s.phase == phaseLive && (op.Kind == OpRecord || op.Kind == OpBounds):
		s.proven(op)
	case op.Err != nil && (op.Kind != OpGroup || !planted.GroupIgnored.On()):
		s.doubt(op)
	case op.Kind == OpLoad && s.phase == phaseLive:
		s.loaded(op)
	case op.Kind == OpDue:
		s.due(op)
	case s.phase == phaseLive:
		s.committed(op)
	default:
		s.took(op)
	}
}

// buried takes the answer to a write of dead letters: an error means again, and
// that the shard waits.
func (s *Shard) buried(op *Op) {
	if op.Err != nil && !planted.LettersDropped.On() {
		s.refusals++
		s.retryAt = s.tick + s.backoff(s.refusals)
		return
	}
	s.refusals = 0
	s.open.letters = s.open.letters[len(op.Letters):]
}

// doubt is the one answer to everything but OK from the store or the log: the
// shard's memory is worth nothing, take over again. Whether a lost reply meant
// success is never guessed.
func (s *Shard) doubt(op *Op) {
	if op.Kind == OpCommit && !fenced(op.Err) && planted.LostReplyIsSuccess.On() {
		s.committed(op)
		return
	}
	if op.Kind == OpCommit && !fenced(op.Err) && planted.LostReplyIsFailure.On() {
		s.resend = op.Commit
	}
	if errors.Is(op.Err, store.ErrUnreadable) {
		s.halt(unreadable("the shard's hash", op.Err))
		return
	}
	if fenced(op.Err) {
		s.tally.Fenced++
	}
	s.lose(op.Kind.String())
}

// lose drops everything an ownership knew and begins another one after a wait.
func (s *Shard) lose(cause string) {
	s.failures++
	s.retryAt = s.tick + s.backoff(s.failures)
	s.begin(cause)
}

// begin starts an ownership with empty hands.
func (s *Shard) begin(cause string) {
	s.epoch++
	s.phase = mutateStep(phaseHead)
	s.take = takeOver{}
	s.cause = cause
	s.tally.TakeOvers[cause]++
	if s.cache == nil || !planted.MemoryKept.On() {
		s.cache = newCache(s.cfg.Limits.CacheBytes)
	}
	s.staged, s.missing, s.changes = nil, nil, nil
	s.stagedBytes, s.closing = 0, false
	s.open, s.outbox = newBatch(), outbox{}
	s.writingTimer = noTimer
	s.main, s.writing = nil, nil
	s.nextTimer, s.dueAfter, s.commits, s.undurable = math.MinInt64, 0, 0, 0
	s.piece, s.eventful, s.proof = piece{}, 0, proof{}
	s.released, s.walked = false, false
}

// backoff is a wait in ms that doubles with every failure, up to a second, of
// which half is chance: two owners must not collide for ever.
func (s *Shard) backoff(failures int) int64 {
	wait := min(int64(10)<<min(failures, 10), 1000)
	return wait/2 + int64(s.cfg.Jitter()*float64(wait))/2
}

// WakeAt is the tick at which Next has to be called though nothing happened.
func (s *Shard) WakeAt(c Clock) (tick int64, ok bool) {
	tick = math.MaxInt64
	at := func(t int64) { tick = min(tick, max(t, c.Tick)) }
	switch {
	case s.stop != nil:
		return 0, false
	case s.phase != phaseLive:
		if s.main == nil && s.writing == nil && (s.publishing == nil || s.phase != phaseBounds) {
			at(s.retryAt)
		}
	default:
		if s.main == nil && s.writing == nil && len(s.open.letters) > 0 {
			at(s.retryAt)
		}
		if s.publishing == nil && s.outbox.stored > 0 {
			at(s.publishAt)
		}
		if s.main == nil && s.proof.retryAt > c.Tick {
			at(s.proof.retryAt)
		}
		if s.writing == nil && s.main == nil && !s.open.empty() && len(s.open.letters) == 0 {
			at(s.idleSince + idleCommit)
		}
		if s.cfg.WallClock {
			at(c.Tick + s.untilTimer(c))
		}
	}
	return tick, tick != math.MaxInt64
}

// untilTimer is how many ms the clock has to move until a timer is due, while
// nothing else happens; a while where it may not move, as something else has to
// happen first.
func (s *Shard) untilTimer(c Clock) int64 {
	due := c.Now - s.cfg.TimerGrace
	switch {
	case s.main != nil || s.silent() || s.draining || s.commitsDone() < s.dueAfter:
		return idleCommit
	case s.piece.rest > c.Tick && s.nextTimer <= max(due, s.state.Clock):
		return s.piece.rest - c.Tick
	case s.waitsForAny() || s.nextTimer <= due || s.nextTimer-due > idleCommit:
		return idleCommit
	default:
		return s.nextTimer - due
	}
}

// Drain makes the shard take no more events: it finishes, stores and publishes
// what it has.
func (s *Shard) Drain() { s.draining = true }

// Drained reports that everything taken is stored and published.
func (s *Shard) Drained() bool {
	if s.stop != nil || s.draining && s.phase != phaseLive && s.publishing == nil {
		return true // nothing is in hand
	}
	return s.phase == phaseLive && s.draining && s.settled()
}

// Finished reports that a replay has applied, stored and published everything.
func (s *Shard) Finished() bool {
	return s.phase == phaseLive && s.ended() && s.settled() && !s.timersDue() &&
		(s.cfg.Until == instant.None || s.state.Clock >= s.cfg.Until)
}

// settled reports that nothing is under way and nothing is left to store.
func (s *Shard) settled() bool {
	return len(s.staged) == 0 && s.main == nil && s.writing == nil && s.publishing == nil &&
		s.open.empty() && len(s.outbox.entries) == 0
}
