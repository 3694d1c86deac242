package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// redisServer is a redis-server process of our own, in a folder of its own.
type redisServer struct {
	addr   string
	dir    string
	cmd    *exec.Cmd
	log    bytes.Buffer // complete when exited is closed
	exited chan struct{}
}

const (
	startTimeout = 10 * time.Second
	stopTimeout  = 5 * time.Second

	// portTries bounds how often another process may take the port between
	// our finding it free and Redis listening on it.
	portTries = 5
)

func startRedisServer() (*redisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("starting redis-server: install it so that it is on the PATH, or use the built-in one: %w", err)
	}
	for range portTries {
		var r *redisServer
		if r, err = launch(path); err == nil {
			return r, nil
		}
		if !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	return nil, fmt.Errorf("starting %s: %w", path, err)
}

func launch(path string) (*redisServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tidemark-redis-")
	if err != nil {
		return nil, err
	}
	r := &redisServer{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), dir: dir, exited: make(chan struct{})}
	r.cmd = exec.Command(path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", //nolint:gosec // the PATH's redis-server, with values of ours
		"--save", "", "--appendonly", "no", "--dir", dir, "--daemonize", "no")
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() {
		_ = r.cmd.Wait() // how it ended shows in the log
		close(r.exited)
	}()
	if err := r.ready(); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// ready returns when the server answers.
func (r *redisServer) ready() error {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	late := time.After(startTimeout)
	for {
		select {
		case <-r.exited:
			return fmt.Errorf("it ended at once: %s", strings.TrimSpace(r.log.String()))
		case <-late:
			return fmt.Errorf("it does not answer on %s after %v", r.addr, startTimeout)
		case <-poll.C:
			if r.answers() {
				return nil
			}
		}
	}
}

// answers says whether our own process listens on the address: the port may
// have become another server's meanwhile.
func (r *redisServer) answers() bool {
	c, err := net.DialTimeout("tcp", r.addr, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := io.WriteString(c, "INFO server\r\n"); err != nil {
		return false
	}
	ours := fmt.Sprintf("process_id:%d", r.cmd.Process.Pid)
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "process_id:") {
			return lines.Text() == ours
		}
	}
	return false
}

// stop ends the process and removes its folder. There is nothing to save, so it
// is asked once, and then made to.
func (r *redisServer) stop() error {
	_ = r.cmd.Process.Signal(os.Interrupt)
	select {
	case <-r.exited:
	case <-time.After(stopTimeout):
		_ = r.cmd.Process.Kill()
		<-r.exited
	}
	return os.RemoveAll(r.dir)
}
