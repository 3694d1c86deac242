package local

import (
	"context"
	"slices"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/policy"
)

// How much of one partition is written at once.
const (
	feedBytes   = 1 << 20
	feedRecords = 10_000
)

// Feed writes lines of events to the World's log, each partition's in the order
// in which they come. It is not safe for concurrent use.
type Feed struct {
	world   *World
	router  *Router
	pending [2 * Partitions]pending
	blocks  arena
}

// pending is what waits to be written to one partition.
type pending struct {
	records []sink.Record
	bytes   int
}

// Feed opens a feed, routed by the policy's partitioner.
func (w *World) Feed(p *policy.Policy) (*Feed, error) {
	router, err := NewRouter(p)
	if err != nil {
		return nil, err
	}
	return &Feed{world: w, router: router}, nil
}

// Add takes a line, and writes what waits for its partition if that is enough.
// It keeps a copy of the line.
func (f *Feed) Add(ctx context.Context, line []byte) error {
	topic, number, record := f.router.Route(line)
	record.Value = f.blocks.copy(line)
	place := int(number)
	if topic == Clicks {
		place += Partitions
	}
	p := &f.pending[place]
	p.records = append(p.records, record)
	p.bytes += len(line)
	if p.bytes < feedBytes && len(p.records) < feedRecords {
		return nil
	}
	return f.write(ctx, place)
}

// Flush writes everything that waits.
func (f *Feed) Flush(ctx context.Context) error {
	for place := range f.pending {
		if err := f.write(ctx, place); err != nil {
			return err
		}
	}
	return nil
}

func (f *Feed) write(ctx context.Context, place int) error {
	p := &f.pending[place]
	if len(p.records) == 0 {
		return nil
	}
	topic := Purchases
	if place >= Partitions {
		topic = Clicks
	}
	_, err := f.world.connection.Producer.Produce(ctx, topic, int32(place%Partitions), p.records)
	p.records, p.bytes = slices.Delete(p.records, 0, len(p.records)), 0
	return err
}

// arena copies lines into large blocks: one allocation for thousands of lines.
// A block is let go of when nothing that waits lies in it.
type arena struct {
	block []byte
}

const blockBytes = 256 << 10

func (a *arena) copy(line []byte) []byte {
	if len(line) > blockBytes/8 {
		return slices.Clone(line)
	}
	if a.block == nil || len(a.block)+len(line) > cap(a.block) {
		a.block = make([]byte, 0, blockBytes)
	}
	begin := len(a.block)
	a.block = append(a.block, line...)
	// A blank line is an empty value, which is not the same as none.
	return a.block[begin:len(a.block):len(a.block)]
}
