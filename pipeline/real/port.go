package real

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below those that the kernel gives to outgoing
// connections: a server that was killed gets its own one again.
const (
	lowestPort  = 15_000
	highestPort = 32_000
	portTries   = 100
)

// freePort finds a port that nobody listens on.
func freePort() (int, error) {
	for range portTries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if l, err := net.Listen("tcp", address(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("looking for a free port: none found")
}

// freePorts finds n different ones.
func freePorts(n int) ([]int, error) {
	taken := make(map[int]bool, n)
	var ports []int
	for len(ports) < n {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		if !taken[port] {
			taken[port] = true
			ports = append(ports, port)
		}
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
