// Package source reads Kafka: raw record batches from many partitions at once,
// the bounds of partitions, the metadata of topics. It is kafka-go's Transport
// with a fetch of its own, because kafka-go's Fetch and Reader hide what the
// engine needs (see package recordbatch) and ask one partition at a time.
//
// That fetch takes the place of kafka-go's for the whole process: nothing else
// in it may call kafka.Client.Fetch, which would panic on the answer's type.
package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// answerTimeout bounds the wait for an answer that should come at once, or
	// after a long poll. A network that was cut tells nobody: without a bound a
	// request would wait for as long as the kernel keeps the connection.
	answerTimeout = 10 * time.Second

	// refreshEvery is the least time between two lookups of the leaders. Many
	// partitions find out about one moved broker at the same time.
	refreshEvery = 250 * time.Millisecond

	closeTimeout = 5 * time.Second
)

// ErrClosed is returned by calls on a closed client.
var ErrClosed = errors.New("the Kafka client is closed")

// errSilent stands for a deadline of ours; the caller's context is not over.
var errSilent = errors.New("no answer from the broker in time")

// Client is one process's access to a cluster. Its methods may be called from
// any goroutine.
type Client struct {
	cfg       Config
	addr      net.Addr
	transport *kafka.Transport
	conns     connections

	life context.Context // over when the client is closed
	end  context.CancelFunc

	mu        sync.Mutex
	refreshed time.Time
	turn      int // which position goes first in the next fetch
}

// Open prepares a client. It connects when it is first used, so an unreachable
// cluster shows there.
func Open(cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("opening the Kafka client: %w", err)
	}
	c := &Client{cfg: cfg, addr: kafka.TCP(cfg.Brokers...)}
	c.life, c.end = context.WithCancel(context.Background())
	// A transport of our own: the default one keeps goroutines until the process ends.
	c.transport = &kafka.Transport{
		Dial:           c.conns.dial,
		ClientID:       cfg.ClientID,
		TLS:            cfg.TLS,
		SASL:           cfg.SASL,
		MetadataTopics: slices.Clone(cfg.Topics),
		Context:        c.life,
	}
	return c, nil
}

// Close ends every call with ErrClosed, cuts the connections (a long poll would
// keep one for its whole wait), and returns when their goroutines are done.
func (c *Client) Close() {
	c.end()
	c.conns.shut()
	c.transport.CloseIdleConnections()
	c.conns.wait(closeTimeout)
}

// Transport is the client's own transport, for other requests to the cluster at
// Addr. It ends with the client; give errors of such requests to Observe.
func (c *Client) Transport() *kafka.Transport { return c.transport }

// Addr is the address to give with requests through Transport.
func (c *Client) Addr() net.Addr { return c.addr }

// Dialer opens connections that end with the client, for what kafka-go does not
// do through a Transport: a consumer group.
func (c *Client) Dialer() *kafka.Dialer {
	return &kafka.Dialer{ClientID: c.cfg.ClientID, DialFunc: c.conns.dial, Timeout: answerTimeout, TLS: c.cfg.TLS, SASLMechanism: c.cfg.SASL}
}

// Brokers are the addresses that the client was opened with.
func (c *Client) Brokers() []string { return slices.Clone(c.cfg.Brokers) }

// Observe lets the client see the error of a request that went through
// Transport, and returns it explained, by the right that the request needs where
// one is given. When it says that a leader moved or cannot be reached, the leaders
// are looked up anew before the next request, and not only when kafka-go's copy of
// the metadata is a few seconds old.
func (c *Client) Observe(err error, needs ...Right) error {
	if err != nil && leaderLost(err) {
		c.refresh()
	}
	if len(needs) > 0 {
		return c.needing(needs[0], err)
	}
	return Explain(err)
}

// refresh makes kafka-go forget its metadata. It has no call for that; what it
// forgets completely are its pools, with their connections. Requests under way
// finish on the old ones.
func (c *Client) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.refreshed) >= refreshEvery {
		c.refreshed = now
		c.transport.CloseIdleConnections()
	}
}

// RoundTrip sends a request and returns the answer, which may take wait and 10
// seconds on top for the way. Transport does the same without that bound. An
// error of ctx is returned only when ctx is over; that the broker does not
// answer is an error of its own, and Temporary.
func (c *Client) RoundTrip(ctx context.Context, req kafka.Request, wait time.Duration) (kafka.Response, error) {
	bounded, cancel := context.WithTimeout(ctx, wait+answerTimeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()

	res, err := c.transport.RoundTrip(bounded, c.addr, req)
	switch {
	case err == nil:
		return res, nil
	case c.life.Err() != nil:
		return nil, ErrClosed
	case over(ctx) != nil:
		return nil, over(ctx)
	case over(bounded) != nil:
		err = errSilent
	}
	return nil, c.Observe(err)
}

// over is ctx.Err by the deadline itself. kafka-go gives a context's deadline to
// the connection, whose timer may fire before the context's own: the error of the
// connection is then there while ctx.Err is still nil.
func over(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
