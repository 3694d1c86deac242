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
)

// host is where and with what the rows were run.
type host struct {
	When   time.Time `json:"when"`
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Kernel string    `json:"kernel"`
	Go     string    `json:"go"`
	Kafka  string    `json:"kafka"`
	Redis  string    `json:"redis"`
	Commit string    `json:"commit"`
}

var (
	cpuModel     = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)
	kafkaVersion = regexp.MustCompile(`<kafka.version>([^<]+)<`)
	redisVersion = regexp.MustCompile(`v=(\S+)`)
)

// machine looks at what there is to say. What a machine does not tell stays empty.
func machine(ctx context.Context) host {
	read := func(file string) string {
		content, _ := os.ReadFile(file)
		return string(content)
	}
	say := func(name string, args ...string) string {
		output, _ := exec.CommandContext(ctx, name, args...).Output() //nolint:gosec // git and redis-server
		return strings.TrimSpace(string(output))
	}
	found := func(what *regexp.Regexp, text string) string {
		if match := what.FindStringSubmatch(text); match != nil {
			return match[1]
		}
		return ""
	}
	return host{When: time.Now().UTC(), Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: found(cpuModel, read("/proc/cpuinfo")),
		Kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")), Kafka: found(kafkaVersion, read("deploy/local/pom.xml")),
		Redis: found(redisVersion, say("redis-server", "--version")), Commit: say("git", "describe", "--always", "--dirty")}
}

func (h *host) String() string {
	return fmt.Sprintf("%s: %d cores of %s, Linux %s; %s, Kafka %s, Redis %s; commit %s",
		h.When.Format(time.DateOnly), h.Cores, h.CPU, h.Kernel, h.Go, h.Kafka, h.Redis, h.Commit)
}
