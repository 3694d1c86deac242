package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
)

// namespace is what one worker runs with.
type namespace struct {
	name   string
	inputs [2]string
	clock  string // event: to the logs' ends; wall
	policy string // as in the configuration; empty: the default

	changes, letters string // topics; empty: with the name of the namespace
}

// worker is a tidemark process.
type worker struct {
	namespace
	cmd    *exec.Cmd
	output string
	begun  time.Time
	exited chan struct{}
	ended  time.Time
}

const (
	readyTimeout = time.Minute
	endTimeout   = 5 * time.Minute
)

// work makes the topics that the namespace writes to, and starts a worker of it.
func (b *bench) work(ctx context.Context, n namespace) (*worker, error) {
	b.runs++
	n.name = fmt.Sprintf("bench-%d-%s", b.runs, n.name)
	if n.changes == "" {
		n.changes, n.letters = n.name+"-changes", n.name+"-dead-letters"
	}
	letters := map[string]string{"max.message.bytes": "2097152"}
	if err := b.topics(ctx, real.Topic{Name: n.changes, Settings: appendTime}, real.Topic{Name: n.letters, Settings: letters}); err != nil {
		return nil, err
	}
	w := &worker{namespace: n, output: filepath.Join(b.dir, n.name+".log"), exited: make(chan struct{})}
	file := filepath.Join(b.dir, n.name+".yaml")
	if err := os.WriteFile(file, []byte(w.config(b)), 0o600); err != nil {
		return nil, err
	}
	output, err := os.Create(w.output)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()                         // the process has its own
	w.cmd = exec.CommandContext(ctx, b.binary, "run", "-c", file) //nolint:gosec // it was built here
	w.cmd.Stdout, w.cmd.Stderr = output, output
	w.cmd.WaitDelay = readyTimeout
	w.begun = time.Now()
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting tidemark: %w", err)
	}
	go func() {
		_ = w.cmd.Wait() // how it ended is in its state
		w.ended = time.Now()
		close(w.exited)
	}()
	return w, nil
}

func (w *worker) config(b *bench) string {
	policy := ""
	if w.policy != "" {
		policy = "policy: " + w.policy + "\n"
	}
	return fmt.Sprintf(`namespace: %s
kafka:
  brokers: [%s]
  inputs: [{topic: %s}, {topic: %s}]
  topics: {changes: %s, dead_letters: %s}
redis: {addrs: [%s]}
clock: %s
start: {publish: all}
server: {listen: '127.0.0.1:0'}
%s`, w.name, strings.Join(b.kafka.Brokers(), ", "), w.inputs[0], w.inputs[1], w.changes, w.letters, b.redis.Addr(), w.clock, policy)
}

// ready waits until the worker says so.
func (w *worker) ready(ctx context.Context) error {
	return real.Await(ctx, readyTimeout, func(ctx context.Context) error {
		if w.gone() {
			return w.trouble()
		}
		body, status, err := w.get(ctx, "/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("tidemark is not ready: %s", body)
		}
		return err
	})
}

func (w *worker) gone() bool {
	select {
	case <-w.exited:
		return true
	default:
		return false
	}
}

// finished waits until the worker has read the logs to their ends and left.
func (w *worker) finished(ctx context.Context) error {
	patience := time.NewTimer(endTimeout)
	defer patience.Stop()
	select {
	case <-w.exited:
	case <-ctx.Done():
		<-w.exited
		return ctx.Err()
	case <-patience.C:
		w.kill()
		return fmt.Errorf("tidemark was not finished after %v: %w", endTimeout, w.trouble())
	}
	if !w.cmd.ProcessState.Success() {
		return w.trouble()
	}
	return nil
}

// stop ends the worker as an operator would.
func (w *worker) stop() error {
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("ending tidemark: %w", err)
	}
	<-w.exited
	if !w.cmd.ProcessState.Success() {
		return w.trouble()
	}
	return nil
}

func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // it may have ended by itself
	<-w.exited
}

// cpu is the CPU time that the worker used in its life.
func (w *worker) cpu() float64 {
	return (w.cmd.ProcessState.UserTime() + w.cmd.ProcessState.SystemTime()).Seconds()
}

func (w *worker) trouble() error {
	const most = 2000
	output, err := os.ReadFile(w.output)
	if err != nil {
		return err
	}
	return errors.New("tidemark says: " + string(output[max(0, len(output)-most):]))
}

var serving = regexp.MustCompile(`"msg":"serving metrics and health".*"address":"([^"]+)"`)

// address is where the worker serves metrics and health, which it says at its
// start.
func (w *worker) address() (string, error) {
	output, err := os.ReadFile(w.output)
	if err != nil {
		return "", err
	}
	match := serving.FindSubmatch(output)
	if match == nil {
		return "", errors.New("tidemark does not serve yet")
	}
	return string(match[1]), nil
}
