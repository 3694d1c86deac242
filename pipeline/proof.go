package pipeline

import (
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/planted"
)

// A leader that was elected out of turn may lack records that were consumed, and
// have others in their place; a topic that was deleted and made again has others
// in all places. Where such a log has grown past our offset by the time we ask
// again, nothing in its answers tells, but for the epoch of a new leader's batches.
// So a log that has a new leader, or that nobody saw for a while, has to prove that
// it is the same before anything more is taken of it: the last record consumed is
// compared with what is there.

// unwatched is for how long, ms, a log may go unseen, and not have to prove that it
// is the same. While all is well it is asked about every tenth of a second.
const unwatched = 500

// never is when a log was seen of which that does not count any more.
const never int64 = -1 << 62

// proof is the one that was asked for last.
type proof struct {
	lane     int
	gaps     int   // of the lane, that it is about
	leader   int32 // likewise
	gone     bool  // the record is not in the log any more, if its bounds say so
	failures int   // in a row
	retryAt  int64 // tick
}

// unproven is a lane whose log has to prove itself, -1 without one. What was staged
// before has to be applied first.
func (s *Shard) unproven() int {
	if s.draining || len(s.staged) > 0 || s.tick < s.proof.retryAt {
		return -1
	}
	for i := range s.lanes {
		if l, t := &s.lanes[i], &s.state.Topics[i]; l.unproven() {
			if t.Last >= 0 && t.Last >= l.start {
				return i
			}
			l.trust(l.gaps, l.nextLeader()) // there is nothing to compare
		}
	}
	return -1
}

// prove asks for the last record consumed of a lane, then for what is behind it;
// or where the log begins, if it has that record no more.
func (s *Shard) prove(lane int) *Op {
	l, t, p := &s.lanes[lane], &s.state.Topics[lane], &s.proof
	gone := p.gone && p.lane == lane
	p.lane, p.gaps, p.leader, p.gone = lane, l.gaps, l.nextLeader(), false
	if gone {
		return s.start(&Op{Kind: OpBounds})
	}
	return s.start(&Op{Kind: OpRecord, Topic: t.Name, Offset: max(t.Last, l.looked)})
}

// proven takes the answer. One that did not come proves nothing, and disproves
// nothing of what is in memory: it is asked for again.
func (s *Shard) proven(op *Op) {
	l, t, p := &s.lanes[s.proof.lane], &s.state.Topics[s.proof.lane], &s.proof
	switch {
	case source.OutOfRange(op.Err):
		p.gone = true
		return
	case op.Err != nil:
		p.failures++
		p.retryAt = s.tick + s.backoff(p.failures)
		return
	}
	p.failures = 0
	if op.Kind == OpBounds {
		if b := op.Bounds[t.Name]; b.Start <= t.Last || b.End < l.ask {
			s.lose("offset out of range") // the take-over finds out why, and stops
			return
		}
		l.trust(p.gaps, p.leader) // retention has passed it
		return
	}
	sum := t.Checksum
	if p.lane < len(s.open.lasts) && s.open.lasts[p.lane].Offset == t.Last {
		sum = checksum(&s.open.lasts[p.lane])
	}
	if op.Offset == t.Last && !s.same(op, t.Name, sum) {
		return
	}
	nothing, looked := s.nothingBetween(op, t, l.position)
	if s.phase != phaseLive {
		return // lost, and the lane with it
	}
	if l.looked = looked; nothing {
		l.trust(p.gaps, p.leader)
	}
}

// unproven reports that the next bytes, or what the last answer said of the log's
// end, came after a time in which nobody saw the log; or that they are a new
// leader's. What was fetched before may be taken: in a backlog, where buffers are
// full and nobody asks, one proof is for all that came since the one before.
func (l *lane) unproven() bool { return l.nextGaps() > l.proved || l.nextLeader() > l.leader }

// nextGaps is behind how many gaps the next bytes came, or the last answer where
// there are none.
func (l *lane) nextGaps() int {
	if len(l.chunks) == 0 {
		return l.gaps
	}
	return l.chunks[0].gaps
}

// nextLeader is the epoch of the bytes that are next, -1 where there are none.
func (l *lane) nextLeader() int32 {
	if len(l.chunks) == 0 {
		return -1
	}
	return l.chunks[0].leader
}

// trust lets more be taken, after so many gaps, of the leader of that epoch.
func (l *lane) trust(gaps int, leader int32) {
	l.proved, l.leader = max(l.proved, gaps), max(l.leader, leader)
}

// seen notes that an answer to a question of the tick asked came at tick.
func (l *lane) seen(asked, tick int64) {
	gap := tick-l.asOf > unwatched && !planted.GapTrusted.On()
	if l.asOf == never {
		gap = !planted.FailureForgotten.On()
	}
	if gap {
		l.gaps++
	}
	l.asOf = asked
}
