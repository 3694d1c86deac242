package pipeline

import (
	"math"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
)

// waits reports that an input with nothing buffered may still bring a record
// that comes first.
func (s *Shard) waits() bool {
	for i := range s.lanes {
		if l := &s.lanes[i]; !l.ready && !s.exhausted(l) {
			return true
		}
	}
	return false
}

// exhausted reports that nothing has to be waited for on this input: by the
// wall clock it is caught up, by the events' clock its end is reached.
func (s *Shard) exhausted(l *lane) bool {
	if s.cfg.WallClock {
		return l.caughtUp(s.tick, mutateAge(min(2000, s.cfg.TimerGrace))) || l.drained() && planted.CaughtUpTooSoon.On()
	}
	return l.drained() && s.reachedEnd(l, l.position)
}

// reachedEnd reports that a replay does not read on at this offset.
func (s *Shard) reachedEnd(l *lane, offset int64) bool { return offset >= l.end }

// replayEnd is the offset at which a replay ends, the end that the input had when
// it began; by the wall clock there is none.
func (s *Shard) replayEnd(topic string) int64 {
	if s.cfg.WallClock {
		return math.MaxInt64
	}
	return s.state.Start.Ends[topic]
}

// beyond reports that a replay ends before this record: the first of the merge
// that is later than its last instant.
func (s *Shard) beyond(l *lane) bool {
	return s.cfg.Until != instant.None && l.ready && l.head.event.Time > s.cfg.Until
}

// ended reports that a replay has taken every record.
func (s *Shard) ended() bool {
	if s.cfg.WallClock || len(s.staged) > 0 {
		return false
	}
	for i := range s.lanes {
		if l := &s.lanes[i]; !s.exhausted(l) && !s.beyond(l) {
			return false
		}
	}
	return true
}

// advance moves stream time without an event: after the wall clock where every
// input is caught up, to the last instant of a replay at its end. True if that
// made timers due.
func (s *Shard) advance() bool {
	to := instant.None
	switch {
	case s.cfg.WallClock && !s.draining && !s.waitsForAny():
		to = s.now - s.cfg.TimerGrace
	case s.cfg.Until != instant.None && s.ended():
		to = s.cfg.Until
	}
	if to > s.state.Clock {
		s.state.Clock = to
		s.open.moved = true
		s.endSilence()
	}
	return s.timersDue()
}

// waitsForAny reports that some input is not caught up.
func (s *Shard) waitsForAny() bool {
	for i := range s.lanes {
		if !s.exhausted(&s.lanes[i]) {
			return true
		}
	}
	return false
}
