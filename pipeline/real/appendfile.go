package real

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// appendDir is where Redis 7 keeps its append-only files, in its data folder.
const appendDir = "appendonlydir"

// AppendMark is how far a server's append-only file went at some instant.
type AppendMark struct {
	file string
	size int64
}

// AppendMark notes how far the append-only file goes. It is good until the server
// writes the file anew: "--auto-aof-rewrite-percentage", "0" keeps it from that.
func (r *Redis) AppendMark() (AppendMark, error) {
	file, err := r.appendFile()
	if err != nil {
		return AppendMark{}, fmt.Errorf("noting Redis's append-only file: %w", err)
	}
	about, err := os.Stat(file)
	if err != nil {
		return AppendMark{}, fmt.Errorf("noting Redis's append-only file: %w", err)
	}
	return AppendMark{file, about.Size()}, nil
}

// appendFile is the one that is being written, as the manifest has it.
func (r *Redis) appendFile() (string, error) {
	dir := filepath.Join(r.dir, dataDir, appendDir)
	manifest, err := os.ReadFile(filepath.Join(dir, "appendonly.aof.manifest"))
	if err != nil {
		return "", err
	}
	file := ""
	for lines := bufio.NewScanner(bytes.NewReader(manifest)); lines.Scan(); {
		// file <name> seq <number> type i
		if words := strings.Fields(lines.Text()); len(words) >= 6 && words[5] == "i" {
			file = words[1]
		}
	}
	if file == "" {
		return "", errors.New("the manifest names no file of increments")
	}
	return filepath.Join(dir, file), nil
}

// CutAppend kills the server, cuts from its append-only file what came after the
// mark, as a crash of the machine would, and starts it again. It returns how many
// bytes were cut.
func (r *Redis) CutAppend(back AppendMark) (int64, error) {
	r.process.kill()
	lost, err := r.cutAppend(back)
	if err == nil {
		err = r.start()
	}
	if err != nil {
		return 0, fmt.Errorf("cutting Redis's append-only file: %w", err)
	}
	return lost, nil
}

func (r *Redis) cutAppend(back AppendMark) (int64, error) {
	file, err := r.appendFile()
	if err != nil {
		return 0, err
	}
	if file != back.file {
		return 0, errors.New("it was written anew since it was marked")
	}
	about, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return max(about.Size()-back.size, 0), os.Truncate(file, min(back.size, about.Size()))
}
