package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// stopTimeout is how long a server may take to end by itself.
const stopTimeout = 20 * time.Second

// process is a server that this process started. Its output goes to a file in
// its folder, behind that of its predecessors.
type process struct {
	cmd    *exec.Cmd
	output string
	exited <-chan struct{}
}

func launch(dir, path string, args ...string) (*process, error) {
	p := &process{output: filepath.Join(dir, "output")}
	log, err := os.OpenFile(p.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	defer func() { _ = log.Close() }()  // the process has its own
	p.cmd = exec.Command(path, args...) //nolint:gosec // java or redis-server of the PATH, with values of ours
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	if p.exited, err = Start(p.cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return p, nil
}

// Start starts a process that ends with this one, however this one ends. exited is
// closed when it has; how it ended is in the command's state.
func Start(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	cmd.SysProcAttr = dieWithParent()
	started, gone := make(chan error), make(chan struct{})
	go func() {
		// Linux ends the process with the thread that started it, so that thread
		// waits, and serves nobody else.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the state says it
			close(gone)
		}
	}()
	return gone, <-started
}

// ready waits until the server answers, or says why it does not.
func (p *process) ready(limit time.Duration, answers func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		select {
		case <-p.exited:
			cancel(errors.New("it ended"))
		case <-ctx.Done():
		}
	}()
	if err := Await(ctx, limit, answers); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s does not answer: %w; its last words:\n%s", filepath.Base(p.cmd.Path), err, p.lastWords())
	}
	return nil
}

// lastWords is the end of the process's output.
func (p *process) lastWords() []byte {
	const most = 4000
	all, err := os.ReadFile(p.output)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(all[max(0, len(all)-most):])
}

// kill ends the process as a crash would, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
}

// stop asks the process to end, and makes it if it does not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.kill()
	}
}
