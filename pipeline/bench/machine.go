package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// host is where and with what was measured.
type host struct {
	When     time.Time `json:"when"`
	CPU      string    `json:"cpu"`
	Cores    int       `json:"cores"`
	MemoryGB float64   `json:"memory_gb"`
	Kernel   string    `json:"kernel"`
	Go       string    `json:"go"`
	Kafka    string    `json:"kafka"`
	Redis    string    `json:"redis"`
	Commit   string    `json:"commit"`
}

var (
	cpuModel     = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)
	memoryTotal  = regexp.MustCompile(`(?m)^MemTotal:\s+(\d+)`)
	kafkaVersion = regexp.MustCompile(`<kafka.version>([^<]+)<`)
)

// machine looks at what there is to say. What a machine does not tell stays empty.
func machine(ctx context.Context, r *redis.Client) (host, error) {
	h := host{When: time.Now().UTC(), Cores: runtime.NumCPU(), Go: runtime.Version(),
		CPU: found(cpuModel, "/proc/cpuinfo"), Kafka: found(kafkaVersion, "deploy/local/pom.xml")}
	var kB float64
	_, _ = fmt.Sscan(found(memoryTotal, "/proc/meminfo"), &kB)
	h.MemoryGB = kB / (1 << 20)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	h.Kernel = strings.TrimSpace(string(kernel))
	commit, _ := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	h.Commit = strings.TrimSpace(string(commit))
	info, err := r.InfoMap(ctx, "server").Result()
	if err != nil {
		return h, fmt.Errorf("asking Redis for its version: %w", err)
	}
	h.Redis = info["Server"]["redis_version"]
	return h, nil
}

func found(what *regexp.Regexp, file string) string {
	content, _ := os.ReadFile(file)
	if match := what.FindSubmatch(content); match != nil {
		return string(match[1])
	}
	return ""
}

func (h *host) String() string {
	return fmt.Sprintf("%s: %d cores of %s, %.0f GB, Linux %s; %s, Kafka %s, Redis %s; commit %s",
		h.When.Format(time.DateOnly), h.Cores, h.CPU, h.MemoryGB, h.Kernel, h.Go, h.Kafka, h.Redis, h.Commit)
}
