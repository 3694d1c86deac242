package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/replay"
)

// report is what the rows came to.
type report struct {
	Machine real.Machine `json:"machine"`
	Command string       `json:"command"`
	Rows    []result     `json:"rows"`
}

// result is one row of the table.
type result struct {
	Name          string          `json:"name"`
	Fault         string          `json:"fault"`
	Dose          string          `json:"dose"`
	Runs          int             `json:"runs"`
	Events        int64           `json:"events"`
	Changes       int64           `json:"changes"`
	Lost          int64           `json:"lost"`
	Doubled       int64           `json:"doubled"`
	Contradictory int64           `json:"contradictory"`
	Recovered     []time.Duration `json:"recovered_ns"`
	Median        float64         `json:"recovery_median_s"`
	Worst         float64         `json:"recovery_worst_s"`
	Remarks       []string        `json:"remarks"`
	Seconds       float64         `json:"seconds"`
	Error         string          `json:"error,omitempty"`
}

func (r *report) begin(o options) {
	dose := "reduced"
	if o.fullDose {
		dose = "full"
	}
	r.Command = fmt.Sprintf("go run ./pipeline/faults -dose %s -events %d -rate %d -seed %d", dose, o.events, o.rate, o.seed)
	if o.only != "" {
		r.Command += " -fault " + o.only
	}
	fmt.Printf("%s\n%s\n\n%s", &r.Machine, r.Command, heading)
}

const heading = "| fault | dose | runs | events | lost | doubled | contradictory | recovery s: median | worst | remarks | took s |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|\n"

// add takes a row that is over, and prints it.
func (r *report) add(f *field, took time.Duration, err error) {
	row := result{Name: f.name, Fault: f.fault, Dose: fmt.Sprint(f.dose), Runs: f.runs, Events: f.account.Records, Changes: f.account.Changes,
		Lost: f.account.Lost, Doubled: f.account.Doubled, Contradictory: f.account.Contradictory, Recovered: f.recovered,
		Remarks: f.remarks, Seconds: took.Seconds()}
	if n := len(f.recovered); n > 0 {
		sorted := slices.Sorted(slices.Values(f.recovered))
		row.Median, row.Worst = sorted[n/2].Seconds(), sorted[n-1].Seconds()
	}
	if err != nil {
		row.Error = err.Error()
		fmt.Fprintf(os.Stderr, "faults: %s failed: %v\n", f.name, err)
	}
	r.Rows = append(r.Rows, row)
	fmt.Print(row.line())
}

func (r *result) line() string {
	median, worst := "–", "–"
	if len(r.Recovered) > 0 {
		median, worst = fmt.Sprintf("%.1f", r.Median), fmt.Sprintf("%.1f", r.Worst)
	}
	remarks := strings.Join(r.Remarks, "; ")
	if r.Error != "" {
		remarks = strings.TrimPrefix(remarks+"; **failed**", "; ")
	}
	return fmt.Sprintf("| %s | %s | %d | %s | %d | %d | %d | %s | %s | %s | %.0f |\n", r.Fault, r.Dose, r.Runs, replay.Thousands(r.Events),
		r.Lost, r.Doubled, r.Contradictory, median, worst, remarks, r.Seconds)
}

// totals is the last line.
func (r *report) totals() string {
	var sum result
	failed := 0
	for i := range r.Rows {
		row := &r.Rows[i]
		sum.Runs += row.Runs
		sum.Events += row.Events
		sum.Changes += row.Changes
		sum.Lost += row.Lost
		sum.Doubled += row.Doubled
		sum.Contradictory += row.Contradictory
		sum.Seconds += row.Seconds
		if row.Error != "" {
			failed++
		}
	}
	return fmt.Sprintf("\n%d rows, %d faults, %s events, %s changes, %.0f s: %d lost, %d doubled, %d contradictory; %d rows failed\n", len(r.Rows), sum.Runs,
		replay.Thousands(sum.Events), replay.Thousands(sum.Changes), sum.Seconds, sum.Lost, sum.Doubled, sum.Contradictory, failed)
}

// write puts the report into a folder, and its last line on the standard output.
func (r *report) write(folder string) error {
	document, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	text := fmt.Sprintf("%s\n%s\n\n%s", &r.Machine, r.Command, heading)
	for i := range r.Rows {
		text += r.Rows[i].line()
	}
	text += r.totals()
	for name, content := range map[string]string{"faults.md": text, "faults.json": string(document) + "\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	fmt.Print(r.totals())
	return nil
}

// verdict is an error where a row failed.
func (r *report) verdict() error {
	var failed []string
	for i := range r.Rows {
		if r.Rows[i].Error != "" {
			failed = append(failed, r.Rows[i].Name)
		}
	}
	if failed == nil {
		return nil
	}
	return errors.New("these rows failed: " + strings.Join(failed, ", "))
}
