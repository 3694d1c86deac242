package main

import (
	"fmt"
	"slices"
	"time"
)

// quantiles tell how durations are spread, in ms.
type quantiles struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p99_9_ms"`
	Max  float64 `json:"max_ms"`
}

func quantilesOf(all []time.Duration) (quantiles, error) {
	if len(all) == 0 {
		return quantiles{}, errNothing
	}
	slices.Sort(all)
	at := func(q float64) float64 {
		return float64(all[min(len(all)-1, int(float64(len(all))*q))].Microseconds()) / 1000
	}
	return quantiles{N: len(all), P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1)}, nil
}

// cells are the figures as columns of a table.
func (q *quantiles) cells() []string {
	return []string{milliseconds(q.P50), milliseconds(q.P99), milliseconds(q.P999), milliseconds(q.Max)}
}

func milliseconds(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}
