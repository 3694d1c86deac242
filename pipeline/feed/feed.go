package feed

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/sink"
)

// How much of one partition is written at once.
const (
	feedBytes   = 1 << 20
	feedRecords = 10_000
)

// writeAtOnce bounds how many partitions Flush writes to at the same time.
const writeAtOnce = 8

// Feed writes lines of events, each partition's in the order in which they come.
// It is not safe for concurrent use.
type Feed struct {
	to      sink.Log
	router  *Router
	latest  func() int64
	pending map[place]*pending
	blocks  arena
}

// place is one partition.
type place struct {
	topic  string
	number int32
}

// pending is what waits to be written to one partition.
type pending struct {
	records []sink.Record
	bytes   int
}

// Option changes how a Feed writes.
type Option func(*Feed)

// Latest makes the feed date no record later than now says, unix ms: a broker
// refuses records of the future on a topic that keeps the producer's time.
func Latest(now func() int64) Option { return func(f *Feed) { f.latest = now } }

// New makes a feed that goes where the router says.
func New(to sink.Log, router *Router, options ...Option) *Feed {
	f := &Feed{to: to, router: router, pending: map[place]*pending{}}
	for _, o := range options {
		o(f)
	}
	return f
}

// Add takes a line, and writes what waits for its partition if that is enough.
// It keeps a copy of the line.
func (f *Feed) Add(ctx context.Context, line []byte) error {
	topic, number, record := f.router.Route(line)
	record.Value = f.blocks.copy(line)
	if f.latest != nil && record.Time > 0 {
		record.Time = min(record.Time, f.latest())
	}
	at := place{topic, number}
	p := f.pending[at]
	if p == nil {
		p = &pending{}
		f.pending[at] = p
	}
	p.records = append(p.records, record)
	p.bytes += len(line)
	if p.bytes < feedBytes && len(p.records) < feedRecords {
		return nil
	}
	return f.write(ctx, at, p)
}

// Flush writes everything that waits, and returns when all of it is acknowledged.
func (f *Feed) Flush(ctx context.Context) error {
	writing, ctx := errgroup.WithContext(ctx)
	writing.SetLimit(writeAtOnce)
	for at, p := range f.pending {
		if len(p.records) > 0 {
			writing.Go(func() error { return f.write(ctx, at, p) })
		}
	}
	return writing.Wait()
}

func (f *Feed) write(ctx context.Context, at place, p *pending) error {
	_, err := sink.Send(ctx, f.to, at.topic, at.number, p.records)
	p.records, p.bytes = slices.Delete(p.records, 0, len(p.records)), 0
	return err
}
