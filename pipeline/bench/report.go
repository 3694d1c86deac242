package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/replay"
)

// report is everything that was measured.
type report struct {
	Machine    real.Machine `json:"machine"`
	Ceiling    *ceiling     `json:"ceiling,omitempty"`
	Throughput []throughput `json:"throughput,omitempty"`
	Latency    []latency    `json:"latency,omitempty"`
	Timers     *timers      `json:"timers,omitempty"`
	Reads      *reads       `json:"reads,omitempty"`
	Memory     *memory      `json:"memory,omitempty"`
	Peers      []peer       `json:"peers,omitempty"`
	PeerDelays []peerDelay  `json:"peer_latency,omitempty"`
}

// write puts the report into a folder, and on the standard output.
func (r *report) write(folder string) error {
	document, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	text := r.markdown()
	for name, content := range map[string]string{"bench.md": text, "bench.json": string(document) + "\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	fmt.Print(text)
	return nil
}

// table is a table of Markdown.
type table struct{ strings.Builder }

func (t *table) head(columns ...string) {
	fmt.Fprintln(t)
	t.row(columns...)
	fmt.Fprintf(t, "|%s\n", strings.Repeat("---|", len(columns)))
}

func (t *table) row(cells ...string) { fmt.Fprintf(t, "| %s |\n", strings.Join(cells, " | ")) }

func (r *report) markdown() string {
	var t table
	fmt.Fprintf(&t, "%s\n", &r.Machine)
	r.throughputs(&t)
	r.latencies(&t)
	if m := r.Memory; m != nil {
		t.head("Redis bytes per customer with three orders", "all", "value", "of it stored", "timer", "shard")
		t.row(count(int64(m.Customers))+" customers", number(m.Total), number(m.Value), number(m.Stored), number(m.Timer), number(m.Shard))
	}
	r.peers(&t)
	return t.String()
}

func (r *report) throughputs(t *table) {
	if c := r.Ceiling; c != nil {
		t.head("ceiling: fetch and decode only", "events/s", "µs CPU per event", "CPU s", "CPU s Kafka")
		t.row(count(c.Records)+" events", count(int64(c.PerSecond)), micro(c.CPU, c.Records), number(c.CPU), number(c.KafkaCPU))
	}
	if len(r.Throughput) == 0 {
		return
	}
	t.head("log", "events/s", "of the ceiling", "with its start", "changes", "µs CPU per event", "CPU s", "Kafka", "Redis", "others",
		"allocations per event", "B", "records per commit", "customers", "peak MB")
	for i := range r.Throughput {
		p := &r.Throughput[i]
		share := "–"
		if r.Ceiling != nil {
			share = percent(p.PerSecond / r.Ceiling.PerSecond)
		}
		t.row(fmt.Sprintf("**%s**: %s events, %s", p.Name, count(p.Events), p.What), count(int64(p.PerSecond)), share, count(int64(p.Whole)),
			percent(float64(p.Changes)/float64(p.Events)), micro(p.CPU.Tidemark, p.Events), number(p.CPU.Tidemark), number(p.CPU.Kafka),
			number(p.CPU.Redis), number(p.CPU.Others), fmt.Sprintf("%.2f", p.Allocs), number(p.AllocBytes), number(p.Batch), number(p.Customers),
			number(p.PeakMB))
	}
}

func (r *report) latencies(t *table) {
	if len(r.Latency) == 0 && r.Timers == nil && r.Reads == nil {
		return
	}
	t.head("latency", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "of", "cores Tidemark", "Kafka", "Redis", "bench", "others")
	for i := range r.Latency {
		l := &r.Latency[i]
		cells := append([]string{fmt.Sprintf("event to change at %s events/s", count(int64(l.Rate)))}, l.cells()...)
		cells = append(cells, fmt.Sprintf("%s changes/s", count(int64(l.Changes))))
		t.row(append(cells, l.Cores.cells()...)...)
		cells = append([]string{"… of it until the event was in Kafka"}, l.Produced.cells()...)
		t.row(append(cells, "all events", "", "", "", "", "")...)
	}
	if q := r.Timers; q != nil {
		cells := append([]string{fmt.Sprintf("deadline to change, %s due at once; of it %v are timer_grace", count(int64(q.Due)), grace)}, q.cells()...)
		t.row(append(cells, fmt.Sprintf("within %.1f s", q.Seconds), "", "", "", "", "")...)
	}
	if q := r.Reads; q != nil {
		cells := append([]string{fmt.Sprintf("client.Get at %s/s", count(int64(q.Rate)))}, q.cells()...)
		t.row(append(cells, count(int64(q.Done))+" Gets/s", "", "", "", "", "")...)
	}
}

func (u *usage) cells() []string {
	var cells []string
	for _, v := range []float64{u.Tidemark, u.Kafka, u.Redis, u.Bench, u.Others} {
		cells = append(cells, fmt.Sprintf("%.2f", v))
	}
	return cells
}

func (r *report) peers(t *table) {
	if len(r.Peers) > 0 {
		t.head("engine", "round", "events/s", "with its start", "changes", "µs CPU per event", "CPU s", "Kafka", "Redis", "others")
		for i := range r.Peers {
			p := &r.Peers[i]
			t.row(p.Engine, fmt.Sprint(p.Round), count(int64(p.PerSecond)), count(int64(p.Whole)), count(p.Changes), micro(p.CPU.Tidemark, p.Events),
				number(p.CPU.Tidemark), number(p.CPU.Kafka), number(p.CPU.Redis), number(p.CPU.Others))
		}
	}
	if len(r.PeerDelays) > 0 {
		t.head("engine", "event to change")
		for _, d := range r.PeerDelays {
			t.row(d.Engine, d.Text)
		}
	}
}

func count(n int64) string { return replay.Thousands(n) }

func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return count(int64(v + 0.5))
}

func percent(v float64) string { return fmt.Sprintf("%.0f %%", v*100) }

// micro is CPU seconds for each of so many events, µs.
func micro(seconds float64, events int64) string {
	return fmt.Sprintf("%.2f", seconds/float64(max(events, 1))*1e6)
}
