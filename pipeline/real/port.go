package real

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below those that the kernel gives to outgoing
// connections: a server that was killed gets its own one again.
const (
	lowestPort  = 15_000
	highestPort = 32_000
	portTries   = 100
)

// given are the ports that were handed out. None is given twice: whoever was
// given one may not listen yet, or was killed and comes back to it.
var given = struct {
	mu    sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// freePort finds a port that nobody listens on, and that nobody was given.
func freePort() (int, error) {
	l, err := listenAnywhere()
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// listenAnywhere listens on such a port.
func listenAnywhere() (net.Listener, error) {
	given.mu.Lock()
	defer given.mu.Unlock()
	for range portTries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if given.ports[port] {
			continue
		}
		if l, err := net.Listen("tcp", address(port)); err == nil {
			given.ports[port] = true
			return l, nil
		}
	}
	return nil, errors.New("looking for a free port: none found")
}

// freePorts finds n of them.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// reachable reports whether somebody takes connections on the address.
func reachable(addr string) error {
	c, err := net.DialTimeout("tcp", addr, dialTimeout)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	return c.Close()
}
