package real

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Way is a direction through a Proxy, or both.
type Way uint8

// The ways.
const (
	ToServer Way = 1 << iota
	ToClient

	BothWays = ToServer | ToClient
)

// Proxy is the network between clients and a server, and cuts them off. What
// comes to a cut waits there and arrives when it is healed, behind a close, too,
// as TCP would send it again: late is worse than never, and a proxy that throws
// bytes away never brings a commit of an owner who is none any more. Connections
// are taken in meanwhile, and nothing answers.
type Proxy struct {
	port    int
	running sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond // is told of every change of what follows
	listener net.Listener
	target   string
	cut      Way
	delay    time.Duration
	cutReply *cutReply
	links    map[*link]struct{}
	closed   bool
}

// cutReply ends the connection whose answer comes to so many bytes, of those whose
// client has said one of some words.
type cutReply struct {
	left  int
	words []string
	asked map[*link]bool
	done  chan struct{}
}

// hears notes what a client says.
func (c *cutReply) hears(l *link, piece []byte) {
	piece = bytes.ToLower(piece)
	for _, word := range c.words {
		if bytes.Contains(piece, []byte(word)) {
			c.asked[l] = true
		}
	}
}

// link is one connection of a client, and the one to the server behind it.
type link struct {
	client, server net.Conn // the latter nil before it is made
	severed        bool
}

// StartProxy makes a way to a server.
func StartProxy(target string) (*Proxy, error) {
	l, err := listenAnywhere()
	if err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	p := &Proxy{port: l.Addr().(*net.TCPAddr).Port, target: target, links: map[*link]struct{}{}}
	p.changed = sync.NewCond(&p.mu)
	p.change(func() { p.take(l) })
	return p, nil
}

// Addr is where clients connect, host:port.
func (p *Proxy) Addr() string { return address(p.port) }

// Cut lets nothing through any more, in one direction or both.
func (p *Proxy) Cut(ways Way) { p.change(func() { p.cut = ways }) }

// Delay has every piece of data wait before it goes on.
func (p *Proxy) Delay(by time.Duration) { p.change(func() { p.delay = by }) }

// Sever ends all connections, as a server that is gone would.
func (p *Proxy) Sever() { p.change(p.sever) }

// Refuse ends all connections and takes no new ones.
func (p *Proxy) Refuse() {
	p.change(func() {
		if p.listener != nil {
			_ = p.listener.Close() // it has nothing to lose
			p.listener = nil
		}
		p.sever()
	})
}

// CutReply ends, once, the connection on which the n-th byte from now on comes
// from the server, in front of it. If there are words, in lower case, only
// connections count whose client has said one since. The channel is closed when
// that has happened.
func (p *Proxy) CutReply(n int, words ...string) <-chan struct{} {
	c := &cutReply{left: n, words: words, asked: map[*link]bool{}, done: make(chan struct{})}
	p.change(func() { p.cutReply = c })
	return c.done
}

// Retarget leads new connections to another server. Those that there are stay
// where they are.
func (p *Proxy) Retarget(target string) { p.change(func() { p.target = target }) }

// Heal makes the way free again, and lets through what was held back.
func (p *Proxy) Heal() (err error) {
	p.change(func() {
		p.cut, p.delay = 0, 0
		if p.listener == nil && !p.closed {
			err = p.listen()
		}
	})
	return err
}

// Close ends everything.
func (p *Proxy) Close() error {
	p.Refuse()
	p.change(func() { p.closed = true })
	p.running.Wait()
	return nil
}

func (p *Proxy) change(how func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how()
	p.changed.Broadcast()
}

func (p *Proxy) sever() {
	for l := range p.links {
		l.sever()
	}
}

func (l *link) sever() {
	l.severed = true
	for _, c := range []net.Conn{l.client, l.server} {
		if c != nil {
			_ = c.(*net.TCPConn).SetLinger(0) // a reset: the other end is not to wait for more
			_ = c.Close()
		}
	}
}

// listen takes connections again.
func (p *Proxy) listen() error {
	l, err := net.Listen("tcp", address(p.port))
	if err == nil {
		p.take(l)
	}
	return err
}

// take takes the connections that come to a listener.
func (p *Proxy) take(l net.Listener) {
	p.listener = l
	p.running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			p.running.Go(func() { p.connect(client) })
		}
	})
}

// connect serves one client.
func (p *Proxy) connect(client net.Conn) {
	l := &link{client: client}
	p.change(func() {
		p.links[l] = struct{}{}
		if p.listener == nil {
			l.sever()
		}
	})
	defer p.change(func() { delete(p.links, l) })
	defer func() { _ = client.Close() }()
	if !p.free(l, ToServer) || p.dial(l) != nil {
		return
	}
	defer func() { _ = l.server.Close() }()
	var both sync.WaitGroup
	both.Go(func() { p.carry(l, ToServer, client, l.server) })
	both.Go(func() { p.carry(l, ToClient, l.server, client) })
	both.Wait()
}

func (p *Proxy) dial(l *link) error {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.server = server
	if l.severed {
		l.sever()
		return errors.New("severed meanwhile")
	}
	return nil
}

// free waits until a way is not cut. It returns false if the link is gone.
func (p *Proxy) free(l *link, way Way) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.cut&way != 0 && !l.severed {
		p.changed.Wait()
	}
	return !l.severed
}

// carry brings what one end says to the other, its close included.
func (p *Proxy) carry(l *link, way Way, from, to net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if !p.free(l, way) {
			return
		}
		if !p.pass(l, way, to, buffer[:n]) || err != nil && !errors.Is(err, io.EOF) {
			p.change(l.sever)
			return
		}
		if err != nil {
			_ = to.(*net.TCPConn).CloseWrite() // the other way may have more to say
			return
		}
	}
}

// pass writes a piece; false means that the connection is at its end.
func (p *Proxy) pass(l *link, way Way, to net.Conn, piece []byte) bool {
	delay, cut := p.next(l, way, piece)
	time.Sleep(delay)
	if cut == nil {
		_, err := to.Write(piece)
		return err == nil
	}
	_, _ = to.Write(piece[:cut.left-1]) // the client may be gone as well
	_ = to.(*net.TCPConn).CloseWrite()  // behind what was written: a reset may overtake it
	close(cut.done)
	return false
}

// next is how a piece fares.
func (p *Proxy) next(l *link, way Way, piece []byte) (time.Duration, *cutReply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cut := p.cutReply
	switch {
	case cut == nil:
		return p.delay, nil
	case way == ToServer:
		cut.hears(l, piece)
		return p.delay, nil
	case len(cut.words) > 0 && !cut.asked[l]:
		return p.delay, nil
	case len(piece) < cut.left:
		cut.left -= len(piece)
		return p.delay, nil
	default:
		p.cutReply = nil
		return p.delay, cut
	}
}
