package pipeline

import (
	"math"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Values of start.publish: what a first start on a log with history tells.
const (
	PublishSnapshot = "snapshot" // each customer's segment once, when history is read
	PublishAll      = "all"      // everything as it happened
	PublishNone     = "none"     // nothing; segments count as published
)

// silent reports that history is being read and nothing is told.
func (s *Shard) silent() bool {
	start := s.state.Start
	return start != nil && start.Publish != PublishAll && start.Ended == nil
}

// quietUntil is the instant up to which deadlines pass without a change: they
// belong to the history that was read in silence.
func (s *Shard) quietUntil() int64 {
	switch start := s.state.Start; {
	case s.silent():
		return math.MaxInt64
	case start.Publish == PublishAll:
		return instant.None
	default:
		return *start.Ended
	}
}

// awaitBootstrap notes in silence that a customer has to be told about later.
func (s *Shard) awaitBootstrap(p *profile.Profile) {
	if !s.silent() || s.state.Start.Publish != PublishSnapshot || p.Mark == profile.Adopted {
		return
	}
	p.Mark = profile.Unmarked
	if p.Segment != segment.None {
		p.Mark = profile.Pending
	}
}

// endSilence ends it once every input has reached the end it had at the first
// start. What has to be told then waits at the front of the timers.
func (s *Shard) endSilence() {
	if s.silent() {
		for i := range s.state.Topics {
			if t := &s.state.Topics[i]; t.Next < s.state.Start.Ends[t.Name] && !planted.SilenceEndsEarly.On() {
				return
			}
		}
		ended := s.state.Clock
		s.state.Start.Ended = &ended
		s.nextTimer = pendingTimer
		s.open.moved = true
	}
	s.release()
}

// release lets adopted customers publish again once every offset and the clock
// have come to where the world had been told about.
func (s *Shard) release() {
	adopt := s.state.Adopt
	if adopt == nil || s.released || s.silent() || s.state.Clock < adopt.Clock && !planted.ReleasedEarly.On() {
		return
	}
	for i := range s.state.Topics {
		if t := &s.state.Topics[i]; t.Next < adopt.Offsets[t.Name] && !planted.ReleasedEarly.On() {
			return
		}
	}
	s.released, s.walked = true, false
}
