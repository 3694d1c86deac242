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
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
		if err != nil {
			return 0, fmt.Errorf("reading a worker's memory: %w", err)
		}
		match := residentSet.FindSubmatch(status)
		if match == nil {
			continue // it has just ended
		}
		kB, err := strconv.ParseInt(string(match[1]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading a worker's memory: %w", err)
		}
		sum += kB << 10
	}
	return sum, nil
}

// ends are the end offsets of a topic's partitions.
func (f *field) ends(ctx context.Context, topic string) (map[int32]int64, error) {
	all, err := service.Ends(ctx, f.kafka.Brokers(), topic)
	return all[topic], err
}
