package local

import (
	"context"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

const tailBytes = 8 << 20

// Read visits every record that one partition holds now, in order. The record
// and what its slices point to stay as they are after the visit.
func (w *World) Read(ctx context.Context, topic string, partition int32, visit func(recordbatch.Record) error) error {
	start, end, err := w.connection.Client.Bounds(ctx, topic, partition)
	if err != nil {
		return err
	}
	at := []source.Position{{Topic: topic, Partition: partition, Offset: start, MaxBytes: tailBytes}}
	return w.readTo(ctx, at, end, visit)
}

// Tail visits the records of all partitions of a topic as they come.
type Tail struct {
	world     *World
	positions []source.Position
}

// Tail begins at the beginning of the topic.
func (w *World) Tail(topic string) *Tail {
	t := &Tail{world: w}
	for i := range int32(Partitions) {
		t.positions = append(t.positions, source.Position{Topic: topic, Partition: i, MaxBytes: tailBytes})
	}
	return t
}

// Next visits what has come, waiting up to maxWait for something. It returns
// the number of records visited.
func (t *Tail) Next(ctx context.Context, maxWait time.Duration, visit func(recordbatch.Record) error) (int, error) {
	return t.world.fetch(ctx, t.positions, maxWait, visit)
}

// Rest visits everything that has come until now.
func (t *Tail) Rest(ctx context.Context, visit func(recordbatch.Record) error) error {
	for i := range t.positions {
		at := t.positions[i : i+1]
		_, end, err := t.world.connection.Client.Bounds(ctx, at[0].Topic, at[0].Partition)
		if err != nil {
			return err
		}
		if err := t.world.readTo(ctx, at, end, visit); err != nil {
			return err
		}
	}
	return nil
}

// readTo visits what one partition holds from a position up to an offset.
func (w *World) readTo(ctx context.Context, at []source.Position, end int64, visit func(recordbatch.Record) error) error {
	for at[0].Offset < end {
		from := at[0].Offset
		if _, err := w.fetch(ctx, at, 0, visit); err != nil {
			return err
		}
		if at[0].Offset == from {
			return fmt.Errorf("reading %s/%d: nothing comes at offset %d, below the end at %d", at[0].Topic, at[0].Partition, from, end)
		}
	}
	return nil
}

// fetch reads once from every position, visits the records and moves the
// positions on.
func (w *World) fetch(ctx context.Context, at []source.Position, maxWait time.Duration, visit func(recordbatch.Record) error) (visited int, err error) {
	answers, err := w.connection.Client.Fetch(ctx, at, maxWait, tailBytes)
	if err != nil {
		return 0, err
	}
	for i := range answers {
		a := &answers[i]
		if a.Err != nil {
			return visited, fmt.Errorf("reading %s/%d: %w", a.Topic, a.Partition, a.Err)
		}
		var reader recordbatch.Reader
		reader.Reset(a.Raw, a.Offset, a.Aborted)
		var record recordbatch.Record
		for {
			more, err := reader.Next(&record)
			if err != nil {
				return visited, fmt.Errorf("reading %s/%d: %w", a.Topic, a.Partition, err)
			}
			if !more {
				break
			}
			visited++
			if err := visit(record); err != nil {
				return visited, err
			}
		}
		for j := range at {
			if at[j].Topic == a.Topic && at[j].Partition == a.Partition {
				at[j].Offset = max(at[j].Offset, reader.Position())
			}
		}
	}
	return visited, nil
}
