package main

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// ceiling is what no engine with this decoder can exceed: every record of a log
// fetched, checked and decoded, and nothing done with it.
type ceiling struct {
	Records   int64   `json:"records"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	CPU       float64 `json:"cpu_seconds"` // of the reading process
	KafkaCPU  float64 `json:"kafka_cpu_seconds"`
}

// ceiling reads the first log in this process, with a goroutine for each core.
func (b *bench) ceiling(ctx context.Context) error {
	inputs, err := b.logOf(ctx, &workloads[0])
	if err != nil {
		return err
	}
	var best ceiling
	for range b.rounds {
		before, err := b.used()
		if err != nil {
			return err
		}
		begin := time.Now()
		records, err := b.read(ctx, inputs)
		if err != nil {
			return err
		}
		took := time.Since(begin).Seconds()
		after, err := b.since(before, 0)
		if err != nil {
			return err
		}
		if c := (ceiling{Records: records, Seconds: took, PerSecond: float64(records) / took, CPU: after.Bench, KafkaCPU: after.Kafka}); c.PerSecond > best.PerSecond {
			best = c
		}
	}
	b.report.Ceiling = &best
	return nil
}

// read fetches and decodes everything in the inputs.
func (b *bench) read(ctx context.Context, inputs [2]string) (records int64, err error) {
	readers := make([]reader, runtime.GOMAXPROCS(0))
	for i := range readers {
		for p := int32(i); p < partitions; p += int32(len(readers)) {
			for _, topic := range inputs {
				readers[i].at = append(readers[i].at, source.Position{Topic: topic, Partition: p, MaxBytes: fetchBytes})
			}
		}
	}
	log, err := b.open(inputs[:]...)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	var group errgroup.Group
	for i := range readers {
		group.Go(func() error { return readers[i].run(ctx, log) })
	}
	err = group.Wait()
	for i := range readers {
		records += readers[i].records
	}
	return records, err
}

// How much is asked for at once, as the engine does.
const (
	fetchBytes = 1 << 20
	allBytes   = 24 << 20
)

// reader reads some partitions to their ends.
type reader struct {
	at      []source.Position
	records int64
	batches recordbatch.Reader
	decoder *event.Decoder
}

func (r *reader) run(ctx context.Context, log *source.Client) (err error) {
	if r.decoder, err = event.NewDecoder(policy.Default()); err != nil {
		return err
	}
	for len(r.at) > 0 {
		answers, err := log.Fetch(ctx, r.at, 0, allBytes)
		if err != nil {
			return err
		}
		r.at = r.at[:0]
		for i := range answers {
			a := &answers[i]
			if a.Err != nil {
				return a.Err
			}
			next, err := r.decode(a)
			if err != nil {
				return err
			}
			if next < a.HighWatermark {
				r.at = append(r.at, source.Position{Topic: a.Topic, Partition: a.Partition, Offset: next, MaxBytes: fetchBytes})
			}
		}
	}
	return nil
}

// decode decodes an answer's records and returns where to go on.
func (r *reader) decode(a *source.Fetched) (next int64, err error) {
	r.batches.Reset(a.Raw, a.Offset, a.Aborted)
	var rec recordbatch.Record
	var ev event.Event
	for {
		more, err := r.batches.Next(&rec)
		if err != nil || !more {
			return r.batches.Position(), err
		}
		r.records++
		at := event.Record{Timestamp: rec.Timestamp, Partition: a.Partition, Partitions: partitions, Latest: instant.None}
		if reason := r.decoder.Decode(rec.Value, at, &ev); reason != event.OK {
			return 0, errRejected(reason)
		}
	}
}
