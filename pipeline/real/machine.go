package real

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Machine is where and with what something was measured or tried. What a machine
// does not tell is empty.
type Machine struct {
	When     time.Time `json:"when"`
	CPU      string    `json:"cpu"`
	Cores    int       `json:"cores"`
	MemoryGB float64   `json:"memory_gb"`
	Kernel   string    `json:"kernel"`
	Go       string    `json:"go"`
	Kafka    string    `json:"kafka"`
	Redis    string    `json:"redis"`
	Commit   string    `json:"commit"` // of the checkout
}

var (
	cpuModel     = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)
	memoryTotal  = regexp.MustCompile(`(?m)^MemTotal:\s+(\d+)`)
	kafkaVersion = regexp.MustCompile(`<kafka.version>([^<]+)<`)
	redisVersion = regexp.MustCompile(`v=(\S+)`)
)

// ThisMachine looks at the machine, at the servers that this package starts, and
// at the checkout.
func ThisMachine(ctx context.Context) (Machine, error) {
	root, err := checkout()
	if err != nil {
		return Machine{}, fmt.Errorf("looking at the machine: %w", err)
	}
	m := Machine{When: time.Now().UTC(), Cores: runtime.NumCPU(), Go: runtime.Version(),
		CPU:    first(cpuModel, text("/proc/cpuinfo")),
		Kernel: strings.TrimSpace(text("/proc/sys/kernel/osrelease")),
		Kafka:  first(kafkaVersion, text(filepath.Join(root, "deploy", "local", "pom.xml"))),
		Redis:  first(redisVersion, says(ctx, "redis-server", "--version")),
		Commit: says(ctx, "git", "-C", root, "describe", "--always", "--dirty")}
	var kB float64
	_, _ = fmt.Sscan(first(memoryTotal, text("/proc/meminfo")), &kB)
	m.MemoryGB = kB / (1 << 20)
	return m, nil
}

// String is one line.
func (m *Machine) String() string {
	return fmt.Sprintf("%s: %d cores of %s, %.0f GB, Linux %s; %s, Kafka %s, Redis %s; commit %s",
		m.When.Format(time.DateOnly), m.Cores, m.CPU, m.MemoryGB, m.Kernel, m.Go, m.Kafka, m.Redis, m.Commit)
}

func text(file string) string {
	content, _ := os.ReadFile(file)
	return string(content)
}

func says(ctx context.Context, name string, args ...string) string {
	output, _ := exec.CommandContext(ctx, name, args...).Output() //nolint:gosec // git and redis-server
	return strings.TrimSpace(string(output))
}

// first is what the expression's group matches first.
func first(what *regexp.Regexp, text string) string {
	if match := what.FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}
