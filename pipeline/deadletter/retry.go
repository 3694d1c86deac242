package deadletter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Retry sends letters back to the inputs.
type Retry struct {
	Source Source
	Log    sink.Log
	Topic  string   // of the dead letters
	Inputs []string // topics that letters may be sent back to
	Policy *policy.Policy
	Filter Filter // without reasons: all but Hopeless
	Limit  int    // letters to send back, the first ones; 0: all
	DryRun bool

	// Repaired are letters to send in the place of all that the topic holds, mended
	// by hand: lines of PrintJSON with another key, value or headers. nil: none.
	Repaired io.Reader

	router  router
	times   times
	pending map[target]*parcel
	bytes   int
	chosen  int
	done    *Retried
}

// Hopeless are the reasons that sending back does not change: a record does not
// get smaller, and too late only gets later. They are retried where they are
// named, as after a change of the policy.
var Hopeless = []string{event.Oversized.String(), event.TooLate.String()}

// parcel is what waits to be sent to one partition.
type parcel struct {
	records []sink.Record
	reasons []string
}

// Retried counts what a Retry did, or would do.
type Retried struct {
	Sent      map[string]int // by reason: acknowledged
	LeftOut   map[string]int // by reason: Hopeless ones that nobody named
	Elsewhere map[string]int // by topic: letters of what is no input, which stay where they are
	Foreign   int            // records of the dead-letter topic that are no letters
}

// Total is the number of letters sent back.
func (r *Retried) Total() (n int) {
	for _, count := range r.Sent {
		n += count
	}
	return n
}

// target is where letters are sent back to.
type target struct {
	topic     string
	partition int32
}

// flushBytes is how much waits to be sent, over all partitions.
const flushBytes = 16 << 20

// Run reads the letters that are there now and sends each back to where it came
// from: its key, its value, its own headers. What is still bad comes back as a
// new letter. Letters stay in their topic, so a second Run sends them again,
// which events, being known by their ids, do not mind. After an error it returns
// what was acknowledged too; a few more may have been written.
//
// A record's time is part of what it says: the earlier of it and occurred_at is
// when the event happened. So it is kept, in the header that forwarded records
// have. Two reasons are judged by where or when a record lies, and are changed by
// as much as helps: one that was misplaced goes to its customer's partition, and
// one that was dated into the future gets the time of now. One that was repaired
// goes to the partition of the customer that it names now.
func (r *Retry) Run(ctx context.Context) (*Retried, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	var err error
	if r.Repaired != nil {
		err = r.repaired(ctx, func(l, first *Letter) error { return r.send(ctx, l, first) })
	} else {
		r.done.Foreign, err = Read(ctx, r.Source, r.Topic, r.Filter, func(_ Place, l *Letter) error { return r.send(ctx, l, l) })
	}
	if err == nil {
		err = r.flush(ctx)
	}
	return r.done, err
}

func (r *Retry) begin(ctx context.Context) (err error) {
	r.router = router{counts: map[string]int32{}}
	if r.router.decoder, err = event.NewDecoder(r.Policy); err != nil {
		return err
	}
	if r.router.partitioner, err = partition.Parse(r.Policy.Partitioner); err != nil {
		return err
	}
	for _, topic := range r.Inputs {
		if r.router.counts[topic], err = r.Source.Partitions(ctx, topic); err != nil {
			return fmt.Errorf("retrying dead letters: %w", err)
		}
	}
	r.times = times{finder{source: r.Source, stretches: map[target]*stretch{}}}
	r.pending, r.bytes, r.chosen = map[target]*parcel{}, 0, 0
	r.done = &Retried{Sent: map[string]int{}, LeftOut: map[string]int{}, Elsewhere: map[string]int{}}
	return nil
}

// send takes one letter, which was first rejected as first.
func (r *Retry) send(ctx context.Context, l, first *Letter) error {
	to, ok := r.router.route(l, r.Repaired != nil)
	if !ok {
		r.done.Elsewhere[l.Topic]++
		return nil
	}
	if r.Repaired == nil && len(r.Filter.Reasons) == 0 && slices.Contains(Hopeless, l.Reason) {
		r.done.LeftOut[l.Reason]++
		return nil
	}
	if r.Limit > 0 && r.chosen == r.Limit {
		return ErrEnough
	}
	r.chosen++
	if r.DryRun {
		r.done.Sent[l.Reason]++
		return nil
	}
	at := int64(noTime)
	if l.Reason != event.FutureDated.String() || !bytes.Equal(l.Value, first.Value) {
		var err error
		if at, err = r.times.of(ctx, first); err != nil {
			return err
		}
	}
	record := sink.Record{Key: l.Key, Value: l.Value, Headers: source.WithTimestamp(l.Headers, at), Time: time.Now().UnixMilli()}
	if r.add(to, record, l.Reason); r.bytes < flushBytes {
		return nil
	}
	return r.flush(ctx)
}

func (r *Retry) add(to target, record sink.Record, reason string) {
	p := r.pending[to]
	if p == nil {
		p = &parcel{}
		r.pending[to] = p
	}
	p.records, p.reasons = append(p.records, record), append(p.reasons, reason)
	r.bytes += len(record.Key) + len(record.Value)
}

// flush writes what waits. The order among partitions does not matter.
func (r *Retry) flush(ctx context.Context) error {
	for to, p := range r.pending {
		sent, err := sink.Send(ctx, r.Log, to.topic, to.partition, p.records)
		for _, reason := range p.reasons[:sent] {
			r.done.Sent[reason]++
		}
		if err != nil {
			return fmt.Errorf("retrying dead letters: %w", err)
		}
		delete(r.pending, to)
	}
	r.bytes = 0
	return nil
}

// router finds where a letter belongs.
type router struct {
	decoder     *event.Decoder
	partitioner partition.Partitioner
	counts      map[string]int32 // partitions of the inputs
	event       event.Event
}

// route returns where the letter came from, or for one that was misplaced, or
// repaired, its customer's partition; false if its topic is no input, or has no
// such partition.
func (r *router) route(l *Letter, repaired bool) (target, bool) {
	count := r.counts[l.Topic]
	to := target{l.Topic, l.Partition}
	if count > 0 && (repaired || l.Reason == event.Misplaced.String()) {
		r.event = event.Event{}
		r.decoder.Decode(l.Value, event.Record{Timestamp: l.RejectedAt, Latest: instant.None}, &r.event)
		if r.event.Customer != "" { // a misplaced one had him, or it would have been rejected for that
			to.partition = r.partitioner.Partition(r.event.Customer, count)
		}
	}
	return to, to.partition < count
}
