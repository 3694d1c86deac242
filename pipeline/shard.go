package pipeline

import (
	"maps"
	"math"

	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/customer"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Shard is one partition of the inputs and everything that follows from it, as
// a plain state machine: fetched batches, finished I/O and the time go in; I/O
// to start comes out. It has no goroutine, channel, clock or client.
//
// An event's way through this file, top to bottom: Fetched → collect (merge by
// event time) → load → apply (own deadlines, event, evaluation) → commit →
// publish.
type Shard struct {
	cfg     ShardConfig
	decoder *event.Decoder
	rules   *customer.Rules
	encoder *change.Encoder
	horizon int64

	// One ownership, from a take-over to the first doubt. Any answer but OK from
	// the store throws all of it away (lose).
	epoch        uint64
	cause        string // why it began
	phase        phase
	take         takeOver
	proof        proof
	token        string
	commits      int64       // number of the last commit begun
	state        store.State // as the open batch will leave it
	lanes        []lane
	cache        *cache
	staged       []staged
	stagedBytes  int
	missing      []*entry // staged customers that have to be loaded
	open         batch
	outbox       outbox
	nextTimer    int64 // no armed timer is due before, unix ms
	dueAfter     int64 // timers may be read again once this commit is done
	writingTimer int64 // earliest timer armed by the commit under way
	piece        piece // of a wave of timers
	eventful     int   // customers of the last commit, but for timers
	heard        int64 // tick at which an event was taken
	released     bool  // adopted customers may publish again
	walked       bool  // ... and all of them have been looked at
	draining     bool
	closing      bool // the open batch's dead letters are being written

	main        *Op // head … load, due, bury: one at a time
	writing     *Op // commit or wait
	publishing  *Op // outlives an ownership: nothing is read back while it may still land
	retryAt     int64
	publishAt   int64 // tick before which publishing is not tried again
	failures    int   // take-overs without a time of peace between them
	liveSince   int64 // tick
	refusals    int   // dead letters that could not be written, in a row
	unpublished int   // requests of changes that failed, in a row
	smaller     int   // how often the size of those was halved
	idleSince   int64 // tick of the last commit begun
	written     int   // bytes to expect of the customers of a batch
	undurable   int64 // number behind the last committed change that waits for durability
	tick, now   int64
	changes     []change.Change
	damage      damage
	stop        *Stop
	tally       Tally

	heldBack []store.Entry // of planted bugs
	resend   *store.Commit
	besides  *Op
}

// staged is one thing to apply in order: a record, or a customer whose timer is
// due.
type staged struct {
	taken
	lane   int // -1: a timer
	entry  *entry
	chosen int64 // tick
}

// Tally counts what a shard went through since it began, for metrics.
type Tally struct {
	TakeOvers  map[string]int64 // by cause
	Fenced     int64
	Commits    int64
	Published  int64
	TimerFires int64
	Hits       int64 // customers found in memory
	Misses     int64 // customers that had to be loaded
}

// NewShard returns a shard that begins by taking itself over.
func NewShard(cfg ShardConfig) (*Shard, error) {
	cfg.Inputs = store.SortTopics(cfg.Inputs)
	decoder, err := event.NewDecoder(cfg.Policy)
	if err != nil {
		return nil, err
	}
	s := &Shard{
		cfg: cfg, decoder: decoder, rules: customer.New(cfg.Policy), encoder: change.NewEncoder(cfg.Policy),
		horizon: cfg.Policy.Horizon(), tally: Tally{TakeOvers: map[string]int64{}},
	}
	s.begin(causeStart)
	return s, nil
}

// Next returns the next I/O to start, nil if there is none now. To be called
// until it says nil: after Fetched, after Done, and when WakeAt has come.
func (s *Shard) Next(c Clock) *Op {
	s.tick, s.now = c.Tick, c.Now
	if s.stop != nil {
		return nil
	}
	if s.phase != phaseLive {
		return s.takeOver()
	}
	if op := s.publish(); op != nil {
		return op
	}
	if s.closing && s.main == nil && s.writing == nil && len(s.open.letters) == 0 {
		return s.commit() // its dead letters are written: nothing more goes in
	}
	if s.main == nil && !s.closing {
		op := s.work()
		if op != nil || s.phase != phaseLive {
			return op // what the batch holds is in doubt where the ownership ended
		}
	}
	if s.writing == nil {
		if op := s.settleDurability(); op != nil {
			return op
		}
		if s.main == nil {
			return s.write()
		}
	}
	return nil
}

// Wants appends where to fetch now: at the inputs' ends, and where more is known
// to be; nothing while taking over or full.
func (s *Shard) Wants(tail, behind []source.Position) ([]source.Position, []source.Position) {
	if s.phase != phaseLive || s.stop != nil || s.draining {
		return tail, behind
	}
	for i := range s.lanes {
		l := &s.lanes[i]
		if l.buffered >= s.cfg.Limits.BufferBytes || s.reachedEnd(l, l.ask) {
			continue
		}
		at := source.Position{Topic: l.topic, Partition: s.cfg.Shard, Offset: l.ask,
			MaxBytes: int32(s.cfg.Limits.FetchBytes)}
		if l.stable > l.ask {
			behind = append(behind, at)
		} else {
			tail = append(tail, at)
		}
	}
	return tail, behind
}

// Tally is what the shard went through so far.
func (s *Shard) Tally() Tally {
	t := s.tally
	t.TakeOvers = maps.Clone(t.TakeOvers)
	return t
}

// Fetched takes an answer to a fetch that went out at the tick asked, an empty
// one too: it tells that there is nothing more. It is as old as its question.
func (s *Shard) Fetched(f source.Fetched, asked int64, c Clock) {
	s.tick, s.now = c.Tick, c.Now
	if s.phase != phaseLive || f.Partition != s.cfg.Shard {
		return
	}
	for i := range s.lanes {
		l := &s.lanes[i]
		if l.topic != f.Topic {
			continue
		}
		if f.Err != nil {
			l.asOf = never
		}
		if f.Offset != l.ask && !planted.OldFetchTaken.On() {
			continue
		}
		if f.Err != nil {
			if source.OutOfRange(f.Err) {
				s.lose("offset out of range") // the take-over finds out why, and stops
			}
			return
		}
		l.push(&f, asked, s.tick)
	}
}

// work moves events into the open batch until it is full, nothing is there, or
// an I/O is needed first.
func (s *Shard) work() *Op {
	for !s.open.full(&s.cfg.Limits) && s.outbox.bytes < s.cfg.Limits.OutboxBytes {
		if len(s.staged) == 0 {
			if lane := s.unproven(); lane >= 0 {
				return s.prove(lane)
			}
			if s.timersDue() {
				return s.readTimers()
			}
			s.collect()
			if s.phase != phaseLive {
				return s.takeOver()
			}
			if len(s.staged) == 0 && !s.advance() {
				return nil
			}
		}
		if len(s.missing) > 0 {
			return s.start(&Op{Kind: OpLoad, Customers: names(s.missing)})
		}
		s.apply()
	}
	return nil
}

// collect stages records in event-time order: of the records at the heads of
// the inputs the earliest comes first (ties: topic, then offset). A rejected
// record takes no part in this: it is staged when it reaches the head.
func (s *Shard) collect() {
	if s.draining {
		return
	}
	for !s.stageFull() {
		first := -1
		for i := range s.lanes {
			l := &s.lanes[i]
			for l.advance(s.decoder, s.cfg.Shard, s.cfg.Partitions) && l.head.reason != event.OK {
				if s.stageFull() {
					return
				}
				s.stage(i)
			}
			if l.broken != nil {
				s.damaged(l)
				return
			}
			if !l.ready {
				continue
			}
			if first < 0 || l.head.event.Time < s.lanes[first].head.event.Time ||
				l.head.event.Time == s.lanes[first].head.event.Time && planted.TiesReversed.On() {
				first = i
			}
		}
		if first < 0 || s.waits() || s.beyond(&s.lanes[first]) || s.stageFull() {
			return
		}
		s.stage(first)
	}
}

// stageFull reports that as much is decoded ahead as may be. Records count by
// what they are unpacked: a small batch can hold a lot.
func (s *Shard) stageFull() bool {
	return len(s.staged) >= s.cfg.Limits.StageRecords || s.stagedBytes >= s.cfg.Limits.BatchBytes
}

// stage takes the head of a lane.
func (s *Shard) stage(i int) {
	s.staged = append(s.staged, staged{lane: i, chosen: s.tick})
	st := &s.staged[len(s.staged)-1]
	s.lanes[i].take(&st.taken)
	s.stagedBytes += st.record.Size()
	if st.reason == event.OK {
		st.entry = s.entry(st.event.Customer)
	}
}

// entry finds a customer, or notes that he has to be loaded.
func (s *Shard) entry(id string) *entry {
	e, known := s.cache.get(id)
	if known {
		s.tally.Hits++
	} else {
		s.tally.Misses++
		s.missing = append(s.missing, e)
	}
	return e
}

// loaded fills in the customers that were missing.
func (s *Shard) loaded(op *Op) {
	for i, e := range s.missing {
		if op.Values[i] != nil {
			if err := e.profile.Decode(op.Values[i]); err != nil {
				s.halt(unreadable("customer "+e.id, err))
				return
			}
			s.mutateLoaded(e)
		}
		e.loaded = true
		s.cache.resize(e)
	}
	s.missing = s.missing[:0]
}

// apply moves what is staged into the open batch, in order.
func (s *Shard) apply() {
	for i := range s.staged {
		st := &s.staged[i]
		switch {
		case st.lane < 0:
			s.fire(st.entry)
		case st.reason != event.OK:
			s.reject(st)
		default:
			s.accept(st)
		}
	}
	clear(s.staged)
	s.staged, s.stagedBytes = s.staged[:0], 0
	s.cache.shrink()
}

// reject keeps a bad record for the dead letters. It moves no clock.
func (s *Shard) reject(st *staged) {
	topic := s.consumed(st)
	topic.Counts.Dead[st.reason]++
	s.open.bury(s.cfg.Shard, topic.Name, st, s.now)
	s.observe(st, topic, false)
	if !planted.SilenceUnended.On() {
		s.endSilence()
	}
}

// accept applies one event: stream time becomes the later of itself and the
// event's; the customer's own deadlines up to it fire first; then the event is
// applied and he is evaluated once.
func (s *Shard) accept(st *staged) {
	e, ev := st.entry, &st.event
	p := &e.profile
	now := max(s.state.Clock, ev.Time)
	if now != ev.Time && planted.StreamTimeBack.On() {
		now = ev.Time
	}
	was := p.Segment
	var outcome profile.Outcome
	if p.Mark == profile.Adopted && !s.released {
		outcome = s.rules.Absorb(p, ev, now)
	} else {
		if !planted.TimersAfterEvent.On() {
			s.settle(e, now)
		}
		s.changes, outcome = s.rules.Apply(p, e.id, mutateEvent(p, ev), s.mutateNow(now), s.silent(), s.changes[:0])
		s.awaitBootstrap(p)
	}
	s.state.Clock, s.heard = now, s.tick
	topic := s.consumed(st)
	topic.Greatest = st.latest
	count(&topic.Counts, outcome)
	if len(s.changes) > 0 {
		trace, _ := st.record.Header(headerTrace)
		s.emit(e, now, trace, source.Timestamp(&st.record))
	}
	if planted.TimersAfterEvent.On() {
		s.settle(e, now)
	}
	s.touched(e, was)
	s.observe(st, topic, true)
	s.endSilence()
}

// settle brings a customer to stream time t before something happens to him:
// his due deadlines fire, or, where the world was not told about him for a
// while, it is told how he stands.
func (s *Shard) settle(e *entry, t int64) {
	p, at := &e.profile, s.state.Clock
	s.changes = s.changes[:0]
	switch {
	case e.dirty && planted.BatchVisible.On():
	case p.Mark == profile.Adopted:
		s.changes = s.rules.Recover(p, e.id, t, s.changes)
		at = t
	case p.Mark == profile.Pending && !s.silent():
		s.changes = s.rules.Fire(p, e.id, t, math.MaxInt64, s.changes)
		s.changes = s.rules.Bootstrap(p, e.id, t, s.changes)
		at = t
	default:
		s.changes = s.rules.Fire(p, e.id, boundary(t), s.quietUntil(), s.changes)
	}
	s.tally.TimerFires += int64(len(s.changes))
	s.emit(e, at, nil, instant.None)
}

// fire brings a customer to the present stream time because his timer is due.
func (s *Shard) fire(e *entry) {
	was := e.profile.Segment
	if e.profile.Mark != profile.Adopted || s.released {
		s.settle(e, s.state.Clock)
	}
	s.touched(e, was)
	s.open.rearm(e) // whatever stood in the timers is put right
}

// emit puts the changes just made into the outbox, with where the shard stands:
// the inputs' next offsets and a stream time. since is the timestamp of the
// record that caused them, None where it was a deadline.
func (s *Shard) emit(e *entry, clock int64, trace []byte, since int64) {
	if len(s.changes) == 0 {
		return
	}
	at := s.outbox.keep(appendPosition(s.outbox.room(), s.state.Topics, clock))
	for i := range s.changes {
		c := &s.changes[i]
		value, id := s.encoder.Append(s.outbox.room(), c)
		value = s.outbox.keep(value)
		id = s.mutateID(value, id)
		waited := since
		if c.Cause == change.Timer {
			waited = c.EffectiveAt
		}
		s.outbox.add(unsent{customer: e.id, id: id, version: c.Version, effectiveAt: c.EffectiveAt,
			value: value, at: at, trace: traceParent(trace), cause: c.Cause, since: waited})
		s.open.moves.Add(c)
		s.state.Changes++
	}
	if planted.SentBeforeStored.On() {
		s.outbox.stored = len(s.outbox.entries)
	}
	s.changes = s.changes[:0]
}

// touched books that a customer changed: into the batch, the sizes, his timer.
func (s *Shard) touched(e *entry, was segment.Segment) {
	if now := e.profile.Segment; now != was {
		if was != segment.None && (now != segment.None || !planted.SizesDrift.On()) {
			s.state.Sizes[was]--
		}
		if now != segment.None {
			s.state.Sizes[now]++
		}
	}
	s.state.Dropped += int64(e.profile.TakeDropped())
	if !e.dirty {
		e.dirty = true
		s.open.dirty = append(s.open.dirty, e)
		s.open.bytes += e.size
	}
	s.arm(e)
}

// consumed books that a record was taken.
func (s *Shard) consumed(st *staged) *store.Topic {
	topic := &s.state.Topics[st.lane]
	topic.Next = st.next
	topic.Last = st.record.Offset
	topic.Counts.Consumed++
	s.open.last(st.lane, st)
	s.open.records++
	return topic
}

// count books what an accepted event came to.
func count(c *store.Counts, outcome profile.Outcome) {
	switch outcome {
	case profile.Applied:
		c.Applied++
	case profile.Erased:
		c.Erased++
	case profile.BelowFloor:
		c.BelowFloor++
	case profile.Stale:
		c.Stale++
	}
}

func (s *Shard) observe(st *staged, topic *store.Topic, accepted bool) {
	if s.cfg.Observe != nil {
		s.cfg.Observe(topic.Name, &st.record, st.chosen, s.state.Clock, accepted)
	}
}
