package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// tick is Linux's unit of CPU time, as programs see it on every architecture.
const tick = 0.01 // seconds

// fields are the numbers of a line of /proc, behind what a name may hold.
func fields(file, behind string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading CPU times, which this command does on Linux alone: %w", err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.Fields(line[strings.LastIndex(line, behind)+len(behind):]), nil
}

func seconds(ticks ...string) (sum float64) {
	for _, t := range ticks {
		n, _ := strconv.ParseFloat(t, 64) // the kernel writes numbers
		sum += n * tick
	}
	return sum
}

// cpuOf is the CPU time of a process so far.
func cpuOf(pid int) (float64, error) {
	f, err := fields(fmt.Sprintf("/proc/%d/stat", pid), ")")
	if err != nil {
		return 0, err
	}
	return seconds(f[11], f[12]), nil // user, system
}

// busy is the CPU time of everything on the machine, and what the host took away.
func busy() (float64, error) {
	f, err := fields("/proc/stat", "cpu ")
	if err != nil {
		return 0, err
	}
	return seconds(f[0], f[1], f[2], f[5], f[6], f[7]), nil
}

// usage is CPU seconds by process.
type usage struct {
	Tidemark float64 `json:"tidemark"`
	Kafka    float64 `json:"kafka"`
	Redis    float64 `json:"redis"`
	Bench    float64 `json:"bench"`  // producing and reading
	Others   float64 `json:"others"` // whatever else ran on the machine
}

// used reads the CPU times so far, Tidemark's in the field of the whole machine:
// what it used is known when it has ended.
func (b *bench) used() (u usage, err error) {
	for _, of := range []struct {
		pid  int
		into *float64
	}{{b.kafka.PID(0), &u.Kafka}, {b.redis.PID(), &u.Redis}, {os.Getpid(), &u.Bench}} {
		if *of.into, err = cpuOf(of.pid); err != nil {
			return u, err
		}
	}
	u.Others, err = busy()
	return u, err
}

// since is what was used since then, given Tidemark's own.
func (b *bench) since(then usage, tidemark float64) (usage, error) {
	now, err := b.used()
	u := usage{Tidemark: tidemark, Kafka: now.Kafka - then.Kafka, Redis: now.Redis - then.Redis, Bench: now.Bench - then.Bench}
	u.Others = max(now.Others-then.Others-u.Tidemark-u.Kafka-u.Redis-u.Bench, 0)
	return u, err
}

// over divides by so many seconds.
func (u usage) over(seconds float64) usage {
	return usage{u.Tidemark / seconds, u.Kafka / seconds, u.Redis / seconds, u.Bench / seconds, u.Others / seconds}
}
