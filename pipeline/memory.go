package pipeline

import (
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// changesTopic names the changes partition among the bounds of an OpBounds.
const changesTopic = ""

// scan is the reading of the changes partition at a take-over. Redis may have
// gone back in time; what was published did not. A change that the stored state
// does not know comes from a lost future: its customer takes up its version and
// its segment, so that the world is never told a version with two contents.
type scan struct {
	at, end int64
	piece   []told
	gone    map[string]int64 // adopted customers without a segment: when they lost it
}

// told is one published change.
type told struct {
	published
	entry *entry
	ours  bool // it is in the outbox
}

func newScan(at, end int64) scan {
	return scan{at: at, end: end, gone: map[string]int64{}}
}

// scan reads on, a bounded piece at a time; each is stored before the next is
// read, the last one with the place up to which everything is known.
func (s *Shard) scan() *Op {
	if len(s.missing) > 0 {
		return s.start(&Op{Kind: OpLoad, Customers: names(s.missing)})
	}
	if len(s.open.dirty) > 0 {
		if planted.PubMovedEarly.On() {
			s.state.Pub = s.take.scan.end
		}
		return s.commit()
	}
	if s.take.scan.at < s.take.scan.end {
		return s.start(&Op{Kind: OpChanges, Offset: s.take.scan.at})
	}
	if s.state.Pub != s.take.scan.end {
		s.state.Pub = s.take.scan.end
		s.outbox.remove(func(u *unsent) bool { return u.found })
		s.open.moved = true
	}
	if s.beyondTheLog() {
		return nil
	}
	if s.open.moved {
		return s.commit()
	}
	s.live()
	return s.Next(Clock{Now: s.now, Tick: s.tick})
}

// beyondTheLog stops a shard of which published changes prove that it consumed
// more of an input than the input holds now: Redis went back in time and the log
// lost its tail, and nothing can lead to where the world was told about.
func (s *Shard) beyondTheLog() bool {
	if s.state.Adopt == nil {
		return false
	}
	for i := range s.state.Topics {
		name := s.state.Topics[i].Name
		if want, end := s.state.Adopt.Offsets[name], s.take.bounds[name].End; want > end {
			s.halt(short(name, want, end))
			return true
		}
	}
	return false
}

// scanned reads the records of a piece.
func (s *Shard) scanned(op *Op) {
	sc := &s.take.scan
	var reader recordbatch.Reader
	var record recordbatch.Record
	reader.Reset(op.Fetched.Raw, sc.at, op.Fetched.Aborted)
	for {
		ok, err := reader.Next(&record)
		if err != nil {
			s.lose("unreadable batch")
			return
		}
		if !ok || record.Offset >= sc.end {
			break
		}
		if !s.tell(&record) {
			return
		}
	}
	if reader.Position() <= sc.at {
		s.lose("changes not readable yet") // nothing between here and the end: ask again later
		return
	}
	sc.at = min(reader.Position(), sc.end)
	s.judge()
}

// tell notes a published change for judgement; false if the shard stops.
func (s *Shard) tell(record *recordbatch.Record) bool {
	if source, _ := record.Header(headerSource); string(source) != s.cfg.Source {
		s.halt(foreign(s.cfg.Changes, string(source), s.cfg.Source))
		return false
	}
	head, err := change.Parse(record.Value)
	if err != nil {
		s.halt(unreadable("the changes topic "+s.cfg.Changes, err))
		return false
	}
	raw, _ := record.Header(headerAt)
	at, err := parsePosition(raw)
	if err != nil {
		s.halt(unreadable("the changes topic "+s.cfg.Changes, err))
		return false
	}
	// The entry stays in the outbox until pub is behind the record: whoever has to
	// read it again must know it again.
	s.take.scan.piece = append(s.take.scan.piece, told{
		published: published{Head: head, at: at}, entry: s.entry(head.Customer), ours: s.outbox.find(head.ID)})
	return true
}

// judge adopts what comes from a lost future, once its customers are loaded.
func (s *Shard) judge() {
	if len(s.missing) > 0 || s.stop != nil {
		return
	}
	sc := &s.take.scan
	for i := range sc.piece {
		if t := &sc.piece[i]; s.lost(t) {
			s.adopt(t)
		}
	}
	clear(sc.piece)
	sc.piece = sc.piece[:0]
	s.cache.shrink()
}

// lost reports that our state does not know this change. One of our own is known,
// unless the customer came out of a lost future already: then it is part of it.
func (s *Shard) lost(t *told) bool {
	p := &t.entry.profile
	if t.ours && p.Mark != profile.Adopted {
		return false
	}
	if t.Version > p.Version || s.contradicted(t) {
		return true
	}
	// Versions begin again at 1 when a tombstone is gone. Such a change is known
	// by its time: it is ahead of our state and of all we know of the customer.
	return t.Version == 1 && t.From == segment.None && s.ahead(t.at) &&
		t.EffectiveAt > max(p.Since, p.ForgottenAt, s.take.scan.lostSegment(t.Customer))
}

// contradicted reports that the outbox holds another change of that version.
func (s *Shard) contradicted(t *told) bool {
	for i := range s.outbox.entries {
		if u := &s.outbox.entries[i]; u.version == t.Version && u.customer == t.Customer {
			return u.id != t.ID
		}
	}
	return false
}

// ahead reports that our state has not come to this place.
func (s *Shard) ahead(at position) bool {
	if at.clock > s.state.Clock {
		return true
	}
	for i := range s.state.Topics {
		if t := &s.state.Topics[i]; at.offsets[t.Name] > t.Next {
			return true
		}
	}
	return false
}

// lostSegment is when an adopted customer lost his segment, None if he did not.
func (sc *scan) lostSegment(customer string) int64 {
	if at, ok := sc.gone[customer]; ok {
		return at
	}
	return instant.None
}

// adopt makes a customer stand where the world was told that he stands, marked
// so that he publishes nothing before the log is read again up to there.
func (s *Shard) adopt(t *told) {
	e := t.entry
	p := &e.profile
	was := p.Segment
	if !planted.VersionRetaken.On() {
		p.Version = t.Version
	}
	p.Segment, p.Since = t.To, t.EffectiveAt
	p.Next, p.NextAt = segment.None, instant.None
	p.Mark = profile.Adopted
	delete(s.take.scan.gone, e.id)
	if t.To == segment.None {
		p.Since = instant.None
		s.take.scan.gone[e.id] = t.EffectiveAt
	}
	s.outbox.remove(func(u *unsent) bool { return u.customer == e.id && !u.found })
	s.raise(t)
	s.state.Adopted++
	s.touched(e, was)
}

// raise moves the place from which adopted customers may publish again to the
// greatest of everything seen.
func (s *Shard) raise(t *told) {
	a := s.state.Adopt
	if a == nil {
		a = &store.Adopt{Offsets: map[string]int64{}, Clock: instant.None}
		s.state.Adopt = a
	}
	for topic, offset := range t.at.offsets {
		a.Offsets[topic] = max(a.Offsets[topic], offset)
	}
	a.Clock = max(a.Clock, t.at.clock, t.EffectiveAt)
}

// remembered goes on after a piece, or the whole, is stored.
func (s *Shard) remembered() { s.writingTimer = noTimer }
