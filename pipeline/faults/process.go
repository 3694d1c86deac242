package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"

	"github.com/tidemark/tidemark/pipeline/real/service"
)

var residentSet = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// memory is what the workers hold together, bytes.
func (f *field) memory() (sum int64, err error) {
	for _, w := range f.running() {
		held, err := memoryOf(w)
		if err != nil {
			return 0, err
		}
		sum += held
	}
	return sum, nil
}

// memoryOf is what a worker holds, bytes; 0 if it has just ended.
func memoryOf(w *service.Worker) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
	if err != nil {
		return 0, fmt.Errorf("reading a worker's memory: %w", err)
	}
	match := residentSet.FindSubmatch(status)
	if match == nil {
		return 0, nil
	}
	kB, err := strconv.ParseInt(string(match[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading a worker's memory: %w", err)
	}
	return kB << 10, nil
}

// ends are the end offsets of a topic's partitions.
func (f *field) ends(ctx context.Context, topic string) (map[int32]int64, error) {
	all, err := service.Ends(ctx, f.kafka.Brokers(), topic)
	return all[topic], err
}
