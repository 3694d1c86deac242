package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/worker"
)

// Worker is one process of a service.
type Worker struct {
	Number int
	Output string // file of what it says
	Began  time.Time

	cmd   *exec.Cmd
	ended chan struct{} // closed when it has; then there are
	code  int
	end   time.Time
}

// Killed is the exit code of a worker that a signal ended.
const Killed = -1

// Start starts a worker, with variables in its environment, as in NAME=value.
// It ends at the latest with ctx.
func (s *Service) Start(ctx context.Context, number int, environment ...string) (*Worker, error) {
	return s.StartOf(ctx, s.Binary, number, environment...)
}

// StartOf is Start of another program.
func (s *Service) StartOf(ctx context.Context, binary string, number int, environment ...string) (*Worker, error) {
	config, err := s.configOf(number)
	if err != nil {
		return nil, err
	}
	return s.start(exec.CommandContext(ctx, binary, "run", "-c", config), number, environment) //nolint:gosec // it was built for this
}

func (s *Service) start(cmd *exec.Cmd, number int, environment []string) (*Worker, error) {
	w := &Worker{Number: number, Output: filepath.Join(s.Dir, fmt.Sprintf("worker-%d.log", number)), Began: time.Now(), cmd: cmd, ended: make(chan struct{})}
	output, err := os.OpenFile(w.Output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	defer func() { _ = output.Close() }() // the process has its own
	w.cmd.Stdout, w.cmd.Stderr, w.cmd.Env = output, output, append(os.Environ(), environment...)
	exited, err := real.Start(w.cmd)
	if err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	go func() {
		<-exited
		w.code, w.end = w.cmd.ProcessState.ExitCode(), time.Now()
		close(w.ended)
	}()
	return w, nil
}

// PID is the worker's process.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

// CPU is the CPU time that it has used.
func (w *Worker) CPU() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.PID()))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of worker %d: %w", w.Number, err)
	}
	// Behind the name, which may hold anything.
	numbers := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var used time.Duration
	for _, ticks := range numbers[11:13] { // user, system
		n, err := strconv.ParseInt(ticks, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of worker %d: %w", w.Number, err)
		}
		used += time.Duration(n) * 10 * time.Millisecond // Linux's unit, as programs see it on every architecture
	}
	return used, nil
}

// Signal sends it a signal; one that has ended takes none.
func (w *Worker) Signal(signal syscall.Signal) { _ = w.cmd.Process.Signal(signal) }

// Kill ends it as a crash would, and returns when it is gone.
func (w *Worker) Kill() {
	w.Signal(syscall.SIGKILL)
	<-w.ended
}

// Ended is closed when it has ended.
func (w *Worker) Ended() <-chan struct{} { return w.ended }

// Gone reports that it has ended.
func (w *Worker) Gone() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// Code is its exit code once it has ended; Killed where a signal ended it.
func (w *Worker) Code() int { return w.code }

// End is when it ended.
func (w *Worker) End() time.Time { return w.end }

// Tells reports whether it has said something yet.
func (w *Worker) Tells(what string) bool {
	said, _ := os.ReadFile(w.Output) // it is there since before the process
	return bytes.Contains(said, []byte(what))
}

// Gained reports whether it has had a shard.
func (w *Worker) Gained() bool { return w.Tells(`"gained"`) }

// LastWords is the end of what it said.
func (w *Worker) LastWords() string {
	const most = 3000
	said, err := os.ReadFile(w.Output)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(said[max(0, len(said)-most):]))
}

// line is what is read of one that a worker says.
type line struct {
	Message string `json:"msg"`
	Address string
	Shard   int32
	Code    string
}

// find returns the first line that it said of which want is true.
func (w *Worker) find(want func(line) bool) (l line, found bool) {
	said, _ := os.ReadFile(w.Output) // it is there since before the process
	for text := range bytes.Lines(said) {
		l = line{}
		if json.Unmarshal(text, &l) == nil && want(l) {
			return l, true
		}
	}
	return line{}, false
}

// address is where it serves metrics and health, which it says at its start.
func (w *Worker) address() (string, error) {
	l, found := w.find(func(l line) bool { return l.Address != "" })
	if !found {
		return "", errors.New("the worker does not serve yet")
	}
	return l.Address, nil
}

// Stopped reports whether it has said that a shard stopped with a code of the
// runbook, or refused to start with it.
func (w *Worker) Stopped(shard int32, code string) bool {
	_, found := w.find(func(l line) bool { return l.Message == "the shard stopped" && l.Shard == shard && l.Code == code })
	return found || w.Gone() && w.Code() == 1 && w.Tells("#"+code)
}

// Get asks its HTTP server for a path, such as /readyz.
func (w *Worker) Get(ctx context.Context, path string) ([]byte, error) {
	address, err := w.address()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	return body, errors.Join(err, res.Body.Close())
}

// client bounds what a stopped process may take; a connection is for one question.
var client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Ready is what it says of itself.
func (w *Worker) Ready(ctx context.Context) (report worker.Report, err error) {
	body, err := w.Get(ctx, "/readyz")
	if err == nil {
		err = json.Unmarshal(body, &report)
	}
	return report, err
}

// Metrics are its counters and gauges, added up over labels.
func (w *Worker) Metrics(ctx context.Context) (map[string]float64, error) {
	body, err := w.Get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("reading a worker's metrics: %w", err)
	}
	sums := map[string]float64{}
	for name, family := range families {
		for _, m := range family.Metric {
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				sums[name] += m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				sums[name] += m.GetGauge().GetValue()
			default: // histograms are not asked for
			}
		}
	}
	return sums, nil
}
