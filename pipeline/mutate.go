package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/profile"
)

// The planted bugs (pkg/planted) that need more than a condition where they strike. Without
// the build tag each of these returns its argument.

// boundary is the stream time up to which deadlines fire.
func boundary(t int64) int64 {
	if planted.BoundaryOff.On() {
		return t - 1
	}
	return t
}

// mutateEvent loses what a refund takes back that came before its order.
func mutateEvent(p *profile.Profile, ev *event.Event) *event.Event {
	known := func(o profile.Order) bool { return o.ID == ev.OrderID && o.Purchased() }
	if ev.Type != event.Refund || slices.ContainsFunc(p.Orders, known) || !planted.RefundBeforeOrderLost.On() {
		return ev
	}
	lost := *ev
	lost.Amount, lost.Whole = 0, false
	return &lost
}

// mutateGreatest forgets which events are too late.
func mutateGreatest(latest int64) int64 {
	if latest != instant.None && planted.GreatestForgotten.On() {
		return instant.None
	}
	return latest
}

// mutateCommit moves the offsets a batch ahead of the state.
func (s *Shard) mutateCommit(c *store.Commit) *store.Commit {
	if planted.StateAfterOffsets.On() {
		c.Customers, s.heldBack = s.heldBack, c.Customers
	}
	return c
}

// mutateLive sends a commit again whose answer was lost, under the new head.
func (s *Shard) mutateLive() {
	if s.resend == nil || !planted.LostReplyIsFailure.On() {
		return
	}
	again := s.resend
	s.resend = nil
	head := s.state.Head
	s.state = again.State.Clone()
	s.state.Head = head
	for i := range s.lanes {
		t := &s.state.Topics[i]
		s.lanes[i].rewind(t.Next, s.replayEnd(t.Name), t.Greatest, s.tick)
	}
	for _, c := range again.Customers {
		e, _ := s.cache.get(c.Customer)
		e.profile.Reset()
		if c.Value != nil && e.profile.Decode(c.Value) != nil {
			continue
		}
		e.loaded, e.dirty = true, true
		s.open.dirty = append(s.open.dirty, e)
	}
	s.open.moved = true
}

// mutateNow looks at the wall clock where the rules know stream time alone.
func (s *Shard) mutateNow(t int64) int64 {
	if s.now != t && planted.WallClockInRule.On() {
		return s.now
	}
	return t
}

// mutateID makes a change's id depend on when it was made.
func (s *Shard) mutateID(value []byte, id string) string {
	if !planted.IDVaries.On() {
		return id
	}
	sum := sha256.Sum256(strconv.AppendInt(slices.Clone(value), s.tick, 10))
	varied := hex.EncodeToString(sum[:])[:len(id)]
	copy(value[bytes.Index(value, []byte(id)):], varied)
	return varied
}

// mutateLoaded mistakes what a customer was stored with.
func (s *Shard) mutateLoaded(e *entry) {
	waits := func(u unsent) bool { return u.customer == e.id }
	if slices.ContainsFunc(s.outbox.entries[:s.outbox.stored], waits) && planted.VersionGap.On() {
		e.profile.Version++ // as if the outbox were ahead of the customers
	}
	if e.profile.Mark == profile.Pending && planted.PendingForgotten.On() {
		e.profile.Mark = profile.Unmarked
	}
}

// mutateOutbox leaves out what is under way to Kafka.
func (s *Shard) mutateOutbox() *outbox {
	if s.publishing == nil || s.publishing.Epoch != s.epoch || !planted.OutboxTrimmedEarly.On() {
		return &s.outbox
	}
	return &outbox{entries: s.outbox.entries[len(s.publishing.Records):]}
}

// mutatePublish sends what stands behind a request that is under way, too. Nobody
// waits for the answer: what is not acknowledged is sent again.
func (s *Shard) mutatePublish() *Op {
	first := s.publishing
	if first == nil || first == s.besides || first.Epoch != s.epoch || s.outbox.stored <= len(first.Records) ||
		!planted.TwoInFlight.On() {
		return nil
	}
	s.besides = first
	rest := outbox{entries: s.outbox.entries[len(first.Records):], stored: s.outbox.stored - len(first.Records)}
	return &Op{Kind: OpPublish, Records: rest.records(s.cfg.Source, s.cfg.Limits.PublishBytes, s.now)}
}

// mutateStep lets a take-over read the head after it has asked the group.
func mutateStep(p phase) phase {
	if !planted.HeadReadAfterGroup.On() {
		return p
	}
	return map[phase]phase{phaseHead: phaseGroup, phaseGroup: phaseTake, phaseTake: phaseHead}[p]
}

// mutateOrder keeps timers of the same deadline in a map.
func mutateOrder(timers []store.Timer) []store.Timer {
	same := map[int64]map[string]store.Timer{}
	if len(timers) < 2 || !planted.TimersInMapOrder.On() {
		return timers
	}
	for _, t := range timers {
		if same[t.At] == nil {
			same[t.At] = map[string]store.Timer{}
		}
		same[t.At][t.Customer] = t
	}
	ordered := make([]store.Timer, 0, len(timers))
	for _, at := range slices.Sorted(maps.Keys(same)) {
		ordered = slices.AppendSeq(ordered, maps.Values(same[at]))
	}
	return ordered
}

// mutateAge lets an answer of Kafka count however old it is.
func mutateAge(age int64) int64 {
	if planted.OldAnswerCounts.On() {
		return math.MaxInt64
	}
	return age
}

// mutateAborted takes what a transaction rolled back for a fact.
func mutateAborted(aborted []recordbatch.Aborted) []recordbatch.Aborted {
	if len(aborted) > 0 && planted.RolledBackRead.On() {
		return nil
	}
	return aborted
}
