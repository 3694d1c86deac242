//go:build mutants

package store

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// scriptBugs are planted in the scripts' text: what the simulator's model of Redis
// promises, the scripts have to keep, and the conformance suite has to notice where
// they do not.
var scriptBugs = []struct {
	name     string
	script   **redis.Script
	text     string
	old, new string
}{
	{"take-over does not compare the head", &takeOver, takeOverText, `if (head or '') ~= ARGV[1] then return {'fenced'} end`, ``},
	{"what Redis lost counts as what was read", &takeOver, takeOverText, `(head or '') ~= ARGV[1]`, `head and head ~= ARGV[1]`},
	{"take-over forgets the outbox", &takeOver, takeOverText, `, redis.call('GET', KEYS[2])}`, `}`},
	{"commit does not compare the head", &commit, commitText, `if head ~= ARGV[1] then return 'fenced' end`, ``},
	{"timers' type found out half way", &commit, commitText, `if timers ~= 'zset' and timers ~= 'none' then`, `if false then`},
	{"published changes stay in the outbox", &commit, commitText, `if ARGV[7] == '' then redis.call('DEL', KEYS[3]) else redis.call('SET', KEYS[3], ARGV[7]) end`,
		`if ARGV[7] ~= '' then redis.call('SET', KEYS[3], ARGV[7]) end`},
	{"only the first slice is written", &commit, commitText, `while first <= last do`, `if first <= last then`},
	{"deleted customers stay", &commit, commitText, `slices(4 + sets, dels, 4000,`, `slices(4 + sets, 0, 4000,`},
	{"one of the deleted customers stays", &commit, commitText, `slices(4 + sets, dels, 4000,`, `slices(5 + sets, dels - 1, 4000,`},
	{"removed timers stay", &commit, commitText, `slices(score + 2 * zset, zrem, 4000,`, `slices(score + 2 * zset, 0, 4000,`},
	{"customers move by one", &commit, commitText, `ARGV[value + i]`, `ARGV[value + i - 1]`},
}

// scriptBug names the bug of a test process that is to fail.
const scriptBug = "TIDEMARK_TEST_SCRIPT_BUG"

func init() {
	if i, err := strconv.Atoi(os.Getenv(scriptBug)); err == nil {
		b := scriptBugs[i]
		*b.script = redis.NewScript(strings.Replace(b.text, b.old, b.new, 1))
	}
}

// tests are those that have to notice.
const tests = "-test.run=TestMiniredisIsAStore|TestNothingIsWritten"

// TestScriptMutants runs the conformance suite over miniredis with every planted
// bug, each in a process of its own.
func TestScriptMutants(t *testing.T) {
	if os.Getenv(scriptBug) != "" {
		t.Skip("this is one of its own processes")
	}
	caught := 0
	fmt.Printf("%-44s | %-60s |       | %s\n", "bug in a script", "caught by", "seconds")
	for i, b := range scriptBugs {
		require.Equal(t, 1, strings.Count(b.text, b.old), "%s has its place", b.name)
		begin := time.Now()
		process := exec.Command(os.Args[0], tests, "-test.failfast", "-test.timeout=1m")
		process.Env = append(os.Environ(), scriptBug+"="+strconv.Itoa(i))
		output, err := process.CombinedOutput()
		by := failed(string(output))
		if err == nil || by == "" {
			t.Errorf("%s: nothing noticed:\n%s", b.name, output)
			continue
		}
		caught++
		fmt.Printf("%-44s | %-60s | %5s | %7.2f\n", b.name, "store: "+by, "", time.Since(begin).Seconds())
	}
	fmt.Printf("%d planted in the scripts, %d caught\n", len(scriptBugs), caught)
}

// failed is the test that failed; the last line about it is of the innermost.
func failed(output string) (name string) {
	for line := range strings.Lines(output) {
		if _, test, ok := strings.Cut(line, "--- FAIL: "); ok {
			test, _, _ = strings.Cut(test, " ")
			name = strings.ReplaceAll(strings.TrimPrefix(test, "TestMiniredisIsAStore/"), "_", " ")
		}
	}
	return name
}
