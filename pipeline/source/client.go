// Package source reads Kafka's log: raw record batches, bounds, metadata.
package source

import (
	"context"
	"net"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

// Config says how to reach a cluster.
type Config struct {
	Brokers  []string // host:port, any of the cluster
	Topics   []string // every topic that will be named: the client knows no other
	ClientID string
}

// Position is where to read on in one partition.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
	MaxBytes  int32
}

// Fetched is one partition's part of an answer.
type Fetched struct {
	Topic         string
	Partition     int32
	Offset        int64 // as asked
	Raw           []byte
	Aborted       []recordbatch.Aborted
	HighWatermark int64
	LastStable    int64
	LogStart      int64
	Err           error
}

// Client is one process's access to a cluster.
type Client struct{}

// Open prepares a client; it connects when it is first used.
func Open(cfg Config) (*Client, error) { return &Client{}, nil }

// Close cuts every connection and returns when they are gone.
func (c *Client) Close() {}

// Fetch reads from every position, one request per leader.
func (c *Client) Fetch(ctx context.Context, at []Position, maxWait time.Duration, maxBytes int) ([]Fetched, error) {
	return nil, nil
}

// Bounds returns the log start offset and the high watermark.
func (c *Client) Bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	return 0, 0, nil
}

// Partitions returns how many partitions a topic has.
func (c *Client) Partitions(ctx context.Context, topic string) (int32, error) { return 0, nil }

// Transport is the client's own transport, for kafka.Client and groups.
func (c *Client) Transport() *kafka.Transport { return nil }

// Addr is the cluster's address for kafka.Client.
func (c *Client) Addr() net.Addr { return nil }

// Observe lets the client see an error of a request that went through
// Transport, and returns it: after a leader's move it looks up the leaders anew.
func (c *Client) Observe(err error) error { return err }

// Temporary tells errors that pass (leader moved, connection lost, time-out)
// from those that somebody must mend.
func Temporary(err error) bool { return false }
