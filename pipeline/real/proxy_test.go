package real

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// briefly is how long a test listens where nothing is to be heard.
const briefly = 50 * time.Millisecond

// patience is for what comes on a machine that has much else to do.
const patience = 30 * time.Second

// echo answers every line with itself behind a greeting of its own.
func echo(t *testing.T, greeting string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					_, _ = c.Write([]byte(greeting + lines.Text() + "\n"))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// caller is a client of an echo.
type caller struct {
	t *testing.T
	*net.TCPConn
	lines *bufio.Reader
}

func call(t *testing.T, p *Proxy) caller {
	c, err := net.DialTimeout("tcp", p.Addr(), patience)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return caller{t, c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c caller) say(line string) {
	_, err := c.Write([]byte(line + "\n"))
	require.NoError(c.t, err)
}

func (c caller) hear(want string) {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	line, err := c.lines.ReadString('\n')
	require.NoError(c.t, err)
	require.Equal(c.t, want+"\n", line)
}

// hearNothing is what a client whose network is cut hears.
func (c caller) hearNothing() {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(briefly)))
	_, err := c.lines.Peek(1)
	require.ErrorIs(c.t, err, os.ErrDeadlineExceeded)
}

// end hears the rest until the connection is over.
func (c caller) end() string {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	rest, err := io.ReadAll(c.lines)
	require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded)
	return string(rest)
}

func proxy(t *testing.T, target string) *Proxy {
	p, err := StartProxy(target)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestProxyHoldsWhatComesToACut(t *testing.T) {
	for _, ways := range []Way{ToServer, ToClient, BothWays} {
		p := proxy(t, echo(t, ""))
		c := call(t, p)
		c.say("one")
		c.hear("one")
		p.Cut(ways)
		c.say("two")
		c.hearNothing()
		late := call(t, p)
		late.say("too late")
		late.hearNothing()
		require.NoError(t, p.Heal())
		c.hear("two")
		late.hear("too late")
	}
}

// A client that has given up is heard all the same, as on a network.
func TestProxyDeliversWhatItsSenderLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	p := proxy(t, l.Addr().String())
	c := call(t, p)
	server, err := l.Accept()
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	p.Cut(ToServer)
	c.say("last words")
	require.NoError(t, c.Close())
	require.NoError(t, p.Heal())
	words, err := io.ReadAll(server)
	require.NoError(t, err)
	require.Equal(t, "last words\n", string(words))
}

func TestProxyCutsAReply(t *testing.T) {
	p := proxy(t, echo(t, ""))
	c := call(t, p)
	cut := p.CutReply(6)
	c.say("123") // and a line end
	c.hear("123")
	c.say("456")
	require.Equal(t, "4", c.end())
	<-cut
	again := call(t, p)
	again.say("no other is cut")
	again.hear("no other is cut")
}

// Of other connections no answer is cut, and none is counted.
func TestProxyCutsAReplyToAWord(t *testing.T) {
	p := proxy(t, echo(t, ""))
	other, c := call(t, p), call(t, p)
	cut := p.CutReply(6, "evalsha")
	other.say("hgetall")
	other.hear("hgetall")
	c.say("EVALSHA")
	require.Equal(t, "EVALS", c.end())
	<-cut
	other.say("is still there")
	other.hear("is still there")
}

func TestProxyRefuses(t *testing.T) {
	p := proxy(t, echo(t, ""))
	c := call(t, p)
	c.say("one")
	c.hear("one")
	p.Refuse()
	require.Empty(t, c.end())
	require.Error(t, reachable(p.Addr()))
	require.NoError(t, p.Heal())
	c = call(t, p)
	c.say("two")
	c.hear("two")
	p.Sever()
	require.Empty(t, c.end())
	c = call(t, p)
	c.say("three")
	c.hear("three")
}

func TestProxyLeadsElsewhere(t *testing.T) {
	p := proxy(t, echo(t, "old: "))
	old := call(t, p)
	old.say("one")
	old.hear("old: one")
	p.Retarget(echo(t, "new: "))
	young := call(t, p)
	young.say("one")
	young.hear("new: one")
	old.say("two")
	old.hear("old: two")
}

func TestProxyDelays(t *testing.T) {
	p := proxy(t, echo(t, ""))
	c := call(t, p)
	p.Delay(briefly)
	begin := time.Now()
	c.say("one")
	c.hear("one")
	require.GreaterOrEqual(t, time.Since(begin), 2*briefly, "there and back")
}

// A proxy that is closed in the middle of everything leaves nothing behind.
func TestProxyCloses(t *testing.T) {
	p, err := StartProxy(echo(t, ""))
	require.NoError(t, err)
	c := call(t, p)
	p.Cut(BothWays)
	c.say("one")
	require.NoError(t, p.Close())
	require.Empty(t, c.end())
	require.NoError(t, p.Heal(), "nothing is healed")
	require.Error(t, Await(context.Background(), briefly, func(context.Context) error { return reachable(p.Addr()) }))
}
