package main

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/partition"
)

// producer writes events, by a client of another making than the engine's.
type producer struct {
	client *kgo.Client
	inputs [2]string // of purchases, of clicks

	mu  sync.Mutex
	err error
}

// linger is how long a batch of a preload waits for more.
const linger = 5 * time.Millisecond

func (b *bench) producer(inputs [2]string, linger time.Duration) (*producer, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(linger), kgo.MaxBufferedRecords(100_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	return &producer{client: client, inputs: inputs}, nil
}

// send writes one event; whether it arrived shows in flush.
func (p *producer) send(ctx context.Context, purchase bool, customer, value []byte, at time.Time) {
	topic := p.inputs[1]
	if purchase {
		topic = p.inputs[0]
	}
	p.client.Produce(ctx, &kgo.Record{Topic: topic, Partition: partition.Murmur2.Partition(string(customer), partitions),
		Key: customer, Value: value, Timestamp: at}, p.sent)
}

func (p *producer) sent(_ *kgo.Record, err error) {
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err = err
	}
}

// close waits until everything has arrived.
func (p *producer) close(ctx context.Context) error {
	err := p.client.Flush(ctx)
	p.client.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	return err
}

// preload writes so many events of a shop.
func (b *bench) preload(ctx context.Context, s shop, events int, inputs [2]string) error {
	p, err := b.producer(inputs, linger)
	if err != nil {
		return err
	}
	open := s.open()
	for range events {
		purchase, customer, value, at := open.past(events)
		p.send(ctx, purchase, customer, value, at)
	}
	return p.close(ctx)
}
