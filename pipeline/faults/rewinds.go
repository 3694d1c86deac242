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
	"time"
)

// rewinds is how often each shard was found to be behind what Redis had
// acknowledged, and when it changed hands last.
type rewinds struct {
	found [shards]int
	moved [shards]time.Time
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
		lines := bufio.NewScanner(bytes.NewReader(said))
		lines.Buffer(nil, len(said)+1)
		for lines.Scan() {
			var line struct {
				At      time.Time `json:"ts"`
				Message string    `json:"msg"`
				Shard   int       `json:"shard"`
			}
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				continue
			}
			switch line.Message {
			case rewindMessage:
				r.found[line.Shard]++
			case "gained", "given back":
				if line.At.After(r.moved[line.Shard]) {
					r.moved[line.Shard] = line.At
				}
			}
		}
	}
	return r, nil
}

const rewindMessage = "Redis is behind what it had acknowledged: reading on from what it has"

// since are the shards that were found to be behind since then.
func (r rewinds) since(before rewinds) (all []int) {
	for shard := range r.found {
		if r.found[shard] > before.found[shard] {
			all = append(all, shard)
		}
	}
	return all
}

// noticed fails unless those shards have been found to be behind since then, and
// no others. A shard that has changed hands since Redis was harmed may have an owner
// who does not know what it had acknowledged; a run in which all have is counted,
// and a row that has no other fails.
func (f *field) noticed(before rewinds, harmed time.Time, may []int) error {
	now, err := f.rewinds()
	if err != nil {
		return err
	}
	found := now.since(before)
	for _, shard := range found {
		if !slices.Contains(may, shard) {
			return fmt.Errorf("shard %d rewound, and had no reason: only %v could have", shard, may)
		}
	}
	for _, shard := range may {
		if !slices.Contains(found, shard) && !now.moved[shard].After(harmed) {
			return fmt.Errorf("shard %d did not notice that Redis went back: only %v did", shard, found)
		}
	}
	if len(found) > 0 {
		f.told++
	} else {
		f.untold++
	}
	return nil
}

// unnoticed tells of runs in which nobody had anything to compare.
func (f *field) unnoticed() error {
	if f.untold == 0 {
		return nil
	}
	f.remark("in %d runs all shards had new owners, who had nothing to compare", f.untold)
	if f.told == 0 {
		return errors.New("in no run anybody noticed that Redis went back")
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
