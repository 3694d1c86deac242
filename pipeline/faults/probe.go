package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/real/service"
	"github.com/tidemark/tidemark/pkg/partition"
)

// prober finds out when shards work: it visits each as a customer nobody has seen,
// and reads the changes topic until it tells of him.
type prober struct {
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}
	number int
	sent   int // each is a customer more

	mu      sync.Mutex
	waiting map[string]chan time.Time // by customer
}

const probePrefix = "probe-"

func newProber(s *service.Service) (*prober, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka...), kgo.ConsumeTopics(s.Changes), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("opening the reader of probes: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &prober{client: client, cancel: cancel, done: make(chan struct{}), waiting: map[string]chan time.Time{}}
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			p.client.PollFetches(ctx).EachRecord(p.see)
		}
	}()
	return p, nil
}

func (p *prober) close() error {
	p.cancel()
	<-p.done
	p.client.Close()
	return nil
}

func (p *prober) see(r *kgo.Record) {
	if !strings.HasPrefix(string(r.Key), probePrefix) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if waiting := p.waiting[string(r.Key)]; waiting != nil {
		waiting <- time.Now()
		delete(p.waiting, string(r.Key))
	}
}

// probe visits every shard, and returns when the last of them has told.
func (p *prober) probe(ctx context.Context, shop *service.Shop) (last time.Time, err error) {
	var told [shards]chan time.Time
	for left := shards; left > 0; {
		customer := p.stranger()
		shard := partition.Murmur2.Partition(customer, shards)
		if told[shard] == nil {
			told[shard] = p.send(ctx, shop, customer)
			left--
		}
	}
	for shard, c := range told {
		select {
		case at := <-c:
			if at.After(last) {
				last = at
			}
		case <-ctx.Done():
			return last, fmt.Errorf("waiting for a change of shard %d: %w", shard, ctx.Err())
		}
	}
	return last, nil
}

// visit visits some shard, and tells when it has told.
func (p *prober) visit(ctx context.Context, shop *service.Shop) chan time.Time {
	return p.send(ctx, shop, p.stranger())
}

// visitOf visits a shard, which may never tell.
func (p *prober) visitOf(ctx context.Context, shop *service.Shop, shard int32) {
	for {
		if customer := p.stranger(); partition.Murmur2.Partition(customer, shards) == shard {
			p.send(ctx, shop, customer)
			return
		}
	}
}

// stranger is a customer nobody has seen.
func (p *prober) stranger() string {
	p.number++
	return fmt.Sprintf("%s%d", probePrefix, p.number)
}

func (p *prober) send(ctx context.Context, shop *service.Shop, customer string) chan time.Time {
	told := make(chan time.Time, 1)
	p.sent++
	p.mu.Lock()
	p.waiting[customer] = told
	p.mu.Unlock()
	shop.Visit(ctx, customer)
	return told
}
