package pipeline

import (
	"strconv"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/planted"
)

// idleCommit is how many ms a shard without events keeps to itself that stream
// time moved or that Kafka acknowledged changes.
const idleCommit = 1000

// peace is how many ms an ownership must have lasted for the next take-over not
// to wait longer than the one before: two owners of one shard must not take it
// from each other at full speed.
const peace = 5000

// batch is what the next commit will carry. Events are applied to it while the
// commit before it is under way: small when idle, large when behind.
type batch struct {
	records int
	bytes   int      // about
	dirty   []*entry // customers changed, each once
	armed   []*entry // customers whose timers changed
	letters []deadletter.Letter
	lasts   []recordbatch.Record // last record consumed, by lane
	moved   bool                 // something else of the state changed

	firstTimer int64 // earliest of the armed
	trimmed    bool  // Kafka acknowledged changes

	recordBytes []int64 // of the records consumed, by lane
	moves       change.Moves
}

func newBatch() batch { return batch{firstTimer: noTimer} }

func (b *batch) full(l *Limits) bool {
	return len(b.dirty) >= l.BatchCustomers || b.records >= l.BatchRecords || b.bytes >= l.BatchBytes
}

func (b *batch) empty() bool {
	return b.records == 0 && len(b.dirty) == 0 && len(b.armed) == 0 && !b.moved && !b.trimmed
}

// idle reports that nothing in it is worth a commit of its own.
func (b *batch) idle() bool { return b.records == 0 && len(b.dirty) == 0 && len(b.armed) == 0 }

// last remembers the record that a lane's checksum will be of.
func (b *batch) last(lane int, st *staged) {
	for len(b.lasts) <= lane {
		b.lasts = append(b.lasts, recordbatch.Record{Offset: -1})
		b.recordBytes = append(b.recordBytes, 0)
	}
	b.lasts[lane] = st.record
	b.recordBytes[lane] += int64(st.record.Size())
}

// bury keeps a rejected record as it came.
func (b *batch) bury(partition int32, topic string, st *staged, now int64) {
	letter := deadletter.Letter{Topic: topic, Partition: partition, Offset: st.record.Offset,
		Reason: st.reason.String(), RejectedAt: now, Key: st.record.Key, Value: st.record.Value}
	for h := range st.record.Headers() {
		letter.Headers = append(letter.Headers, h)
	}
	b.letters = append(b.letters, letter)
	b.bytes += st.record.Size()
}

// write begins to store the open batch: first its dead letters, which must be
// in Kafka before the offsets move past them, then the commit.
func (s *Shard) write() *Op {
	for i := range s.lanes {
		// Control records and gaps behind the last record belong to what was consumed.
		l, topic := &s.lanes[i], &s.state.Topics[i]
		if next := l.passed(); len(s.staged) == 0 && next > topic.Next {
			topic.Next = next
			s.open.moved = true
			s.endSilence()
		}
	}
	if s.open.empty() || (s.open.idle() && !s.impatient()) {
		return nil
	}
	if len(s.open.letters) > 0 {
		if s.tick < s.retryAt {
			return nil
		}
		s.closing = true
		return s.start(&Op{Kind: OpBury, Letters: s.someLetters()})
	}
	return s.commit()
}

// someLetters returns the first dead letters, as many as go into one request.
func (s *Shard) someLetters() []deadletter.Letter {
	bytes := 0
	for i := range s.open.letters {
		l := &s.open.letters[i]
		bytes += len(l.Key) + len(l.Value)
		for h := range l.Headers {
			bytes += len(l.Headers[h].Key) + len(l.Headers[h].Value)
		}
		if i > 0 && bytes > s.cfg.Limits.PublishBytes {
			return s.open.letters[:i]
		}
	}
	return s.open.letters
}

// impatient reports that even a batch without a customer has to be stored now.
func (s *Shard) impatient() bool {
	return s.draining || s.ended() || s.dueAfter > s.commits || s.tick-s.idleSince >= idleCommit
}

// commit closes the open batch.
func (s *Shard) commit() *Op {
	s.closing = false
	for i := range s.open.lasts {
		if last := &s.open.lasts[i]; last.Offset >= 0 {
			s.state.Topics[i].Checksum = checksum(last)
		}
	}
	head := s.state.Head
	s.commits++
	s.state.Head = s.token + ":" + strconv.FormatInt(s.commits, 10)
	state := s.state.Clone()
	c := &store.Commit{Head: head, State: &state, Timers: s.open.timers(), Outbox: s.mutateOutbox().encode(make([]byte, 0, s.outbox.bytes))}
	c.Customers = s.values()
	s.writingTimer = s.open.firstTimer
	op := &Op{Kind: OpCommit, Commit: s.mutateCommit(c), From: s.outbox.end(), Moves: s.open.moves,
		Bytes: append([]int64(nil), s.open.recordBytes...)}
	s.open.reset()
	s.cache.turn++
	s.idleSince = s.tick
	s.tally.Commits++
	return s.start(op)
}

// values encodes the changed customers; those of whom nothing is left to store
// are deleted.
func (s *Shard) values() []store.Entry {
	entries := make([]store.Entry, 0, len(s.open.dirty))
	arena := make([]byte, 0, s.written)
	for _, e := range s.open.dirty {
		e.dirty = false
		var value []byte
		if !e.profile.Empty() {
			from := len(arena)
			arena = e.profile.Append(arena)
			value = arena[from:len(arena):len(arena)]
		}
		entries = append(entries, store.Entry{Customer: e.id, Value: value})
		s.cache.resize(e)
	}
	// Batches differ in size: room for the largest of late, forgotten slowly.
	s.written = max(len(arena)+len(arena)/8, s.written-s.written/16)
	return entries
}

// committed takes the answer to a commit or to the wait for its durability: its
// changes may be published now.
func (s *Shard) committed(op *Op) {
	if s.tick-s.liveSince >= peace {
		s.failures = 0
	}
	if op.Kind == OpCommit {
		s.writingTimer = noTimer
		s.pieceStored(len(op.Commit.Customers))
	}
	if op.Kind == OpCommit && s.cfg.Durable && !planted.DurabilityIgnored.On() {
		s.undurable = op.From
		return
	}
	s.undurable = 0
	s.outbox.stored = max(s.outbox.stored, int(op.From-s.outbox.first))
}

// settleDurability asks for the durability of changes that were committed.
func (s *Shard) settleDurability() *Op {
	if s.undurable <= s.outbox.first+int64(s.outbox.stored) {
		return nil
	}
	return s.start(&Op{Kind: OpWait, From: s.undurable})
}

func (b *batch) reset() {
	clear(b.lasts)
	for i := range b.lasts {
		b.lasts[i].Offset = -1
	}
	clear(b.recordBytes)
	*b = batch{dirty: b.dirty[:0], armed: b.armed[:0], lasts: b.lasts, recordBytes: b.recordBytes, firstTimer: noTimer}
}

func names(entries []*entry) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	return ids
}
