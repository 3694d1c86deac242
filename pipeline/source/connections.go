package source

import (
	"context"
	"net"
	"sync"
	"time"
)

// connections knows every open connection of a client. kafka-go closes idle
// ones only; one that waits for an answer it leaves to itself.
type connections struct {
	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
	owned  sync.WaitGroup // one for each connection whose goroutine has not closed it
}

type conn struct {
	net.Conn
	of *connections
}

var dialer = net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}

func (cs *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		_ = nc.Close()
		return nil, ErrClosed
	}
	c := &conn{Conn: nc, of: cs}
	if cs.open == nil {
		cs.open = make(map[*conn]struct{})
	}
	cs.open[c] = struct{}{}
	cs.owned.Add(1)
	return c, nil
}

// Close is called by the goroutine that serves the connection, at its end.
func (c *conn) Close() error {
	c.of.mu.Lock()
	_, open := c.of.open[c]
	delete(c.of.open, c)
	c.of.mu.Unlock()
	if open {
		defer c.of.owned.Done()
	}
	return c.Conn.Close()
}

// shut cuts all connections and refuses new ones. Whoever reads from one gets
// an error and closes it.
func (cs *connections) shut() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.closed = true
	for c := range cs.open {
		_ = c.Conn.Close()
	}
}

// wait returns when all connections are closed by their owners, or after the timeout.
func (cs *connections) wait(timeout time.Duration) {
	done := make(chan struct{})
	go func() {
		cs.owned.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(timeout):
	}
}
