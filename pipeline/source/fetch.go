package source

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

// Position is where to read on in one partition.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
	MaxBytes  int32 // of batches wanted at most; above 0
}

// Fetched is one partition's part of an answer.
type Fetched struct {
	Topic     string
	Partition int32
	Offset    int64 // as asked

	Raw     []byte                // for recordbatch.Reader; fresh memory, the caller's own
	Aborted []recordbatch.Aborted // goes with Raw

	// As of the answer; -1 with an error. Records are delivered up to the last
	// stable offset, which an open transaction holds below the high watermark.
	HighWatermark, LastStable, LogStart int64

	// Err is this partition's own: errors.Is(Err, kafka.OffsetOutOfRange) for a
	// position outside of the log. Temporary tells which ones pass.
	Err error
}

// Fetch reads committed records from every position: one request to each
// broker that leads some of them, all at once. It waits up to maxWait where
// nothing is there (the slowest broker decides when there are several), and
// returns at most about maxBytes of batches in all: a broker sends at least one
// whole batch if it has any, however large, and stays below the limits with
// more. Who goes first changes from call to call, since the last ones get
// nothing when the limit is reached.
//
// The answers come in the order of the positions. One that is missing was not
// answered, for want of room; ask again. Fetch itself fails when no broker can
// be asked, and with the error of ctx as soon as ctx is over.
func (c *Client) Fetch(ctx context.Context, at []Position, maxWait time.Duration, maxBytes int) ([]Fetched, error) {
	if err := checkPositions(at, maxBytes); err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	if len(at) == 0 {
		return nil, nil
	}
	out, err := c.fetch(ctx, at, maxWait, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	return out, nil
}

func checkPositions(at []Position, maxBytes int) error {
	if maxBytes <= 0 {
		return fmt.Errorf("a limit of %d bytes: give one above 0", maxBytes)
	}
	for i := range at {
		if p := &at[i]; p.Offset < 0 || p.MaxBytes <= 0 {
			return fmt.Errorf("%s/%d from offset %d, at most %d bytes: the offset must not be negative, the limit be above 0",
				p.Topic, p.Partition, p.Offset, p.MaxBytes)
		}
	}
	return nil
}

func (c *Client) fetch(ctx context.Context, at []Position, maxWait time.Duration, maxBytes int) ([]Fetched, error) {
	r := round{client: c, at: at, out: make([]Fetched, len(at)), answered: make([]bool, len(at))}
	if err := r.route(ctx); err != nil {
		return nil, err
	}
	if r.hurry {
		maxWait = 0
	}
	r.askAll(ctx, maxWait, maxBytes)
	if err := over(ctx); err != nil {
		return nil, err
	}
	if c.life.Err() != nil {
		return nil, ErrClosed
	}
	return r.answers(), nil
}

// round is one Fetch. Positions are known by their index in at.
type round struct {
	client   *Client
	at       []Position
	leaders  []leaderShare
	out      []Fetched
	answered []bool
	hurry    bool // an error is to be told: do not wait for records
}

// leaderShare are the positions that one broker leads.
type leaderShare struct {
	broker    int32
	positions []int
}

// route finds the leader of each position; those without one are answered with the reason.
func (r *round) route(ctx context.Context) error {
	names := make([]string, 0, 4)
	for i := range r.at {
		if !slices.Contains(names, r.at[i].Topic) {
			names = append(names, r.at[i].Topic)
		}
	}
	topics, err := r.client.topics(ctx, names)
	if err != nil {
		return err
	}
	first := r.client.nextTurn(len(r.at))
	for n := range r.at {
		i := (first + n) % len(r.at)
		t := slices.IndexFunc(topics, func(t metadata.ResponseTopic) bool { return t.Name == r.at[i].Topic })
		broker, err := r.client.leader(&topics[t], r.at[i].Partition)
		if err != nil {
			r.fail(i, r.client.Observe(err, OnTopic("Read", r.at[i].Topic)))
			r.hurry = true
			continue
		}
		r.assign(broker, i)
	}
	return nil
}

// nextTurn counts round n positions.
func (c *Client) nextTurn(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	return c.turn % n
}

func (r *round) assign(broker int32, position int) {
	l := slices.IndexFunc(r.leaders, func(s leaderShare) bool { return s.broker == broker })
	if l < 0 {
		l = len(r.leaders)
		r.leaders = append(r.leaders, leaderShare{broker: broker})
	}
	r.leaders[l].positions = append(r.leaders[l].positions, position)
}

func (r *round) askAll(ctx context.Context, maxWait time.Duration, maxBytes int) {
	if len(r.leaders) == 0 {
		return
	}
	maxBytes = max(1, maxBytes/len(r.leaders))
	var others sync.WaitGroup
	for _, share := range r.leaders[1:] {
		others.Go(func() { r.ask(ctx, share.positions, maxWait, maxBytes) })
	}
	r.ask(ctx, r.leaders[0].positions, maxWait, maxBytes)
	others.Wait()
}

// ask fetches from the leader of the positions. Shares are disjoint, so that
// several asks write to different elements of out.
func (r *round) ask(ctx context.Context, positions []int, maxWait time.Duration, maxBytes int) {
	res, err := r.client.RoundTrip(ctx, r.request(positions, maxWait, maxBytes), maxWait)
	if err == nil {
		if code := res.(*fetchResponse).ErrorCode; code != 0 {
			err = kafka.Error(code)
		}
	}
	if err != nil {
		for _, i := range positions {
			r.fail(i, err)
		}
		return
	}
	r.take(positions, res.(*fetchResponse))
}

func (r *round) request(positions []int, maxWait time.Duration, maxBytes int) *fetch.Request {
	const readCommitted = 1
	req := &fetch.Request{
		ReplicaID:      -1,
		MaxWaitTime:    int32(min(maxWait.Milliseconds(), math.MaxInt32)),
		MinBytes:       1,
		MaxBytes:       int32(min(maxBytes, math.MaxInt32)),
		IsolationLevel: readCommitted,
		SessionID:      0,
		SessionEpoch:   -1, // no session: each request says everything
	}
	for _, i := range positions {
		p := &r.at[i]
		t := slices.IndexFunc(req.Topics, func(t fetch.RequestTopic) bool { return t.Topic == p.Topic })
		if t < 0 {
			t = len(req.Topics)
			req.Topics = append(req.Topics, fetch.RequestTopic{Topic: p.Topic})
		}
		req.Topics[t].Partitions = append(req.Topics[t].Partitions, fetch.RequestPartition{
			Partition:          p.Partition,
			CurrentLeaderEpoch: -1, // 0, as kafka-go sends elsewhere, is a claim, and refused after an election
			FetchOffset:        p.Offset,
			LogStartOffset:     -1,
			PartitionMaxBytes:  p.MaxBytes,
		})
	}
	return req
}

// take sorts an answer's partitions to their positions.
func (r *round) take(positions []int, res *fetchResponse) {
	for t := range res.Topics {
		topic := &res.Topics[t]
		for p := range topic.Partitions {
			got := &topic.Partitions[p]
			for _, i := range positions {
				if at := &r.at[i]; at.Partition == got.Partition && at.Topic == topic.Topic && !r.answered[i] {
					r.put(i, got)
					break
				}
			}
		}
	}
}

func (r *round) put(i int, got *responsePartition) {
	if got.ErrorCode != 0 {
		r.fail(i, r.client.Observe(kafka.Error(got.ErrorCode), OnTopic("Read", r.at[i].Topic)))
		return
	}
	at := &r.at[i]
	f := Fetched{
		Topic: at.Topic, Partition: at.Partition, Offset: at.Offset,
		Raw:           got.Records,
		HighWatermark: got.HighWatermark, LastStable: got.LastStableOffset, LogStart: got.LogStartOffset,
	}
	for _, a := range got.AbortedTransactions {
		f.Aborted = append(f.Aborted, recordbatch.Aborted(a))
	}
	r.out[i], r.answered[i] = f, true
}

func (r *round) fail(i int, err error) {
	at := &r.at[i]
	r.out[i] = Fetched{
		Topic: at.Topic, Partition: at.Partition, Offset: at.Offset,
		HighWatermark: -1, LastStable: -1, LogStart: -1,
		Err: fmt.Errorf("fetching %s/%d from offset %d: %w", at.Topic, at.Partition, at.Offset, err),
	}
	r.answered[i] = true
}

func (r *round) answers() []Fetched {
	out := r.out[:0]
	for i, ok := range r.answered {
		if ok {
			out = append(out, r.out[i])
		}
	}
	return out
}
