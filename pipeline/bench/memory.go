package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
)

// memory is what customers with three orders each take in Redis, bytes for each
// of them.
type memory struct {
	Customers int     `json:"customers"`
	Value     float64 `json:"value_bytes"`  // the customer's key and value, the mean of a sample
	Stored    float64 `json:"stored_bytes"` // ... of it, the value itself
	Timer     float64 `json:"timer_bytes"`  // his share of his shard's timers
	Shard     float64 `json:"shard_bytes"`  // ... and of its other keys
	Total     float64 `json:"total_bytes"`  // by which Redis grew, the table of its keys included
}

const (
	orders       = 3
	sampled      = 1000
	orderSpacing = 10 * day
)

func (b *bench) memory(ctx context.Context) error {
	inputs := inputsOf("orders")
	if err := b.topics(ctx, real.Topic{Name: inputs[0]}, real.Topic{Name: inputs[1]}); err != nil {
		return err
	}
	p, err := b.producer(inputs, linger)
	if err != nil {
		return err
	}
	s := shop{customers: b.customers, uniform: 1}.open()
	for i := range orders * b.customers {
		at := opened.Add(time.Duration(i/b.customers)*orderSpacing + time.Duration(i%b.customers)*time.Second)
		purchase, key, value := s.event(i%b.customers, fmt.Sprintf("e-%09d", i), at, true)
		p.send(ctx, purchase, key, value, at)
	}
	if err := p.close(ctx); err != nil {
		return err
	}
	if err := b.empty(ctx); err != nil {
		return err
	}
	empty, err := b.usedMemory(ctx)
	if err != nil {
		return err
	}
	if _, err := b.follow(ctx, "orders", inputs); err != nil {
		return err
	}
	full, err := b.usedMemory(ctx)
	if err != nil {
		return err
	}
	m := memory{Customers: b.customers, Total: float64(full-empty) / float64(b.customers)}
	if err := b.sample(ctx, &m); err != nil {
		return err
	}
	b.report.Memory = &m
	return nil
}

func (b *bench) usedMemory(ctx context.Context) (int64, error) {
	info, err := b.store.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(info["Memory"]["used_memory"], 10, 64)
}

// sample asks Redis what keys take.
func (b *bench) sample(ctx context.Context, m *memory) error {
	n := min(sampled, b.customers)
	for i := range n {
		id := string(customerID(i * (b.customers / n)))
		key := keys.Of(b.last.name, partition.Murmur2.Partition(id, partitions)).Customer(id)
		size, err := b.store.MemoryUsage(ctx, key).Result()
		if err != nil {
			return fmt.Errorf("customer %s: %w", id, err)
		}
		length, err := b.store.StrLen(ctx, key).Result()
		if err != nil {
			return err
		}
		m.Value += float64(size) / float64(n)
		m.Stored += float64(length) / float64(n)
	}
	each := float64(b.customers)
	for i := range int32(partitions) {
		shard := keys.Of(b.last.name, i)
		for key, into := range map[string]*float64{shard.Timers(): &m.Timer, shard.Shard(): &m.Shard, shard.Outbox(): &m.Shard} {
			if there, err := b.store.Exists(ctx, key).Result(); err != nil || there == 0 {
				if err != nil {
					return err
				}
				continue
			}
			size, err := b.store.MemoryUsage(ctx, key, 0).Result() // 0: every element
			if err != nil {
				return err
			}
			*into += float64(size) / each
		}
	}
	return nil
}
