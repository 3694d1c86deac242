package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// rewinds is how often each shard was found to be behind what Redis had
// acknowledged, and how often one changed hands.
type rewinds struct {
	found [shards]int
	moved int
}

// rewinds reads what workers said. A worker says it where it takes a shard over
// that it has had, before it writes anything.
func (f *field) rewinds() (r rewinds, err error) {
	files, err := filepath.Glob(filepath.Join(f.service.Dir, "worker-*.log"))
	if err != nil {
		return r, err
	}
	for _, file := range files {
		said, err := os.ReadFile(file)
		if err != nil {
			return r, err
		}
		for lines := bufio.NewScanner(bytes.NewReader(said)); lines.Scan(); {
			var line struct {
				Message string `json:"msg"`
				Shard   int    `json:"shard"`
			}
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				continue
			}
			switch line.Message {
			case rewindMessage:
				r.found[line.Shard]++
			case "gained", "given back":
				r.moved++
			}
		}
	}
	return r, nil
}

const rewindMessage = "Redis is behind what it had acknowledged: reading on from what it has"

// since are the shards that were found to be behind since then, and whether any
// changed hands.
func (r rewinds) since(before rewinds) (all []int, moved bool) {
	for shard := range r.found {
		if r.found[shard] > before.found[shard] {
			all = append(all, shard)
		}
	}
	return all, r.moved > before.moved
}

// noticed fails unless some shards have been found to be behind since then, and
// none but those that may have been. Where shards changed hands meanwhile there may
// be nobody who knows what Redis had acknowledged.
func (f *field) noticed(before rewinds, may []int) error {
	now, err := f.rewinds()
	if err != nil {
		return err
	}
	found, moved := now.since(before)
	switch {
	case len(found) == 0 && moved:
		f.remark("run %d: the shards had new owners, who had nothing to compare", f.runs)
	case len(found) == 0:
		return errors.New("nobody noticed that Redis went back")
	}
	for _, shard := range found {
		if !slices.Contains(may, shard) {
			return fmt.Errorf("shard %d rewound, and had no reason: only %v could have", shard, may)
		}
	}
	return nil
}

// every is all shards.
func every() []int {
	all := make([]int, shards)
	for i := range all {
		all[i] = i
	}
	return all
}
