package pipeline_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
)

// cable is a network path that can be cut without anybody being told.
type cable struct {
	net.Listener
	cut  chan struct{} // closed: nothing gets through any more
	lost chan struct{} // a value: something of a shard did not
	mu   sync.Mutex
	ends []net.Conn
	used sync.WaitGroup
}

func lay(t *testing.T, to string) *cable {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{Listener: listener, cut: make(chan struct{}), lost: make(chan struct{}, 1)}
	c.used.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			c.mu.Lock()
			c.ends = append(c.ends, near, far)
			c.mu.Unlock()
			c.used.Go(func() { c.carry(near, far) })
			c.used.Go(func() { c.carry(far, near) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		c.mu.Lock()
		for _, end := range c.ends {
			_ = end.Close()
		}
		c.mu.Unlock()
		c.used.Wait()
	})
	return c
}

func (c *cable) carry(from, to net.Conn) {
	defer func() { _ = to.Close() }()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		select {
		case <-c.cut:
			if bytes.ContainsRune(b[:n], '{') { // of a key: Redis's clock has none
				tell(c.lost)
			}
			continue
		default:
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func TestADrainIsBoundedThoughRedisHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, warned := watched(liveConfig())
	path := lay(t, w.servers.RedisAddr())
	w.where.Redis.Addrs = []string{path.Addr().String()}
	connection := w.connect()
	members, released := give(0, 1, 2)
	worker := w.serve(t.Context(), config, connection.Ports(), members)
	w.until("live", func() bool { return len(worker.live()) == partitions })
	close(path.cut)
	w.visitors(0, 20)
	<-path.lost
	worker.Drain()
	require.NoError(t, <-worker.ended)
	require.Equal(t, 1, warned(), "it was given up")
	<-released
}

// mute is a group whose coordinator does not answer commits of offsets.
type mute struct{ asked chan struct{} }

func (m mute) Commit(ctx context.Context, _ int32, offsets map[string]int64) error {
	if offsets["clicks"] == 0 {
		return nil // of the take-over
	}
	tell(m.asked)
	<-ctx.Done()
	return ctx.Err()
}

func (mute) Holds() bool { return true }

func TestADrainIsBoundedThoughTheGroupHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.visitors(0, 50)
	group := mute{make(chan struct{}, 1)}
	members := &given{shares: make(chan *pipeline.Share, 1), left: make(chan struct{})}
	members.shares <- &pipeline.Share{Shards: []int32{0, 1, 2}, Group: group, Over: make(chan struct{}), Release: func() {}}
	config, warned := watched(liveConfig())
	worker := w.serve(t.Context(), config, w.Ports(), members)
	<-group.asked
	worker.Drain()
	require.NoError(t, <-worker.ended)
	require.Zero(t, warned(), "the shards need no group to come to rest")
}
