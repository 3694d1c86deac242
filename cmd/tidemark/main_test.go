package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// tidemark runs the whole program.
func tidemark(t *testing.T, stdin io.Reader, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, stdin, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// succeed is tidemark for a call that must be good, and say nothing on stderr.
func succeed(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	r := tidemark(t, stdin, args...)
	require.Equal(t, good, r.code, "%v: %s", args, r.stderr)
	require.Empty(t, r.stderr)
	return r.stdout
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	commands := 0
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		commands++
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.Contains(t, c.Example, "tidemark "+strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "tidemark"), " "), c.CommandPath())
		help := succeed(t, nil, append(strings.Fields(c.CommandPath())[1:], "--help")...)
		require.Contains(t, help, "Examples:\n"+c.Example, c.CommandPath())
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	visit(rootCommand())
	require.GreaterOrEqual(t, commands, 8)
}

func TestMisuseSaysWhatToDo(t *testing.T) {
	for _, call := range []struct{ args, says string }{
		{"nope", `unknown command "nope"`},
		{"config nope", `unknown command "nope" for "tidemark config"`},
		{"version extra", `unknown command "extra"`},
		{"generate --customers many", `invalid argument "many"`},
		{"generate --from 2025-13-01", "write a date such as 2025-01-01"},
		{"generate --customers 0 --zipf 7", "customers: must be from 1"},
		{"generate --frm x", "unknown flag: --frm"},
		{"generate --to 2024-01-01", "from: must be before to"},
		{"replay --input x", "add --embedded"},
		{"replay --embedded", "name a file with --input"},
		{"replay --embedded --input - -", "give --input - once"},
		{"replay --embedded --input x --changes y --profiles y", "--changes and --profiles go to the same file y"},
		{"config check", "name one file"},
		{"config check a -c b", "name one file"},
		{"get", "name one customer"},
		{"get a b", "name one customer"},
		{"get c-1 --output xml", "write text or json"},
	} {
		r := tidemark(t, strings.NewReader(""), strings.Fields(call.args)...)
		require.Equal(t, misused, r.code, call.args)
		require.Contains(t, r.stderr, call.says, call.args)
		require.Contains(t, r.stderr, "--help", call.args)
		require.Empty(t, r.stdout, call.args)
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	for _, call := range []struct{ args, says string }{
		{"replay --embedded --input none.jsonl", "opening the events: open none.jsonl"},
		{"replay --embedded --input main.go --changes none/changes.jsonl", "creating none/changes.jsonl"},
		{"replay --embedded --input main.go -c none.yaml", "tidemark config print > none.yaml"},
		{"get c-1 --redis 127.0.0.1:1", "reading Redis at 127.0.0.1:1"},
		{"get c-1 -c ../../config/testdata/bad/choices.yaml", "choices.yaml:1: clock"},
		{"config check none.yaml", "tidemark config print > none.yaml"},
		{"config check ../../config/testdata/bad/unknown_key.yaml", "tidemark: the configuration has 1 problem\n"},
		{"config check ../../config/testdata/bad/choices.yaml", "tidemark: the configuration has 5 problems\n"},
	} {
		r := tidemark(t, strings.NewReader(""), strings.Fields(call.args)...)
		require.Equal(t, failed, r.code, call.args)
		require.Contains(t, r.stderr, call.says, call.args)
		require.Empty(t, r.stdout, call.args)
	}
}

func TestWithoutACommandItIntroducesItself(t *testing.T) {
	require.Contains(t, succeed(t, nil), "tidemark demo")
	require.Contains(t, succeed(t, nil, "config"), "tidemark config check")
}

func TestConfigPrintPrintsWhatConfigCheckAccepts(t *testing.T) {
	t.Chdir(t.TempDir())
	printed := succeed(t, nil, "config", "print")
	require.Contains(t, printed, "namespace: shop")
	writeFile(t, "tidemark.yaml", strings.Replace(printed, "namespace: shop", "namespace: acme", 1))
	for _, args := range []string{"config check tidemark.yaml", "config check -c tidemark.yaml"} {
		require.Regexp(t, `^tidemark.yaml is good: namespace acme, policy default, version [0-9a-f]{12}\n$`, succeed(t, nil, strings.Fields(args)...))
	}
	again := succeed(t, nil, "config", "print", "-c", "tidemark.yaml")
	require.Equal(t, strings.Replace(printed, "namespace: shop", "namespace: acme", 1)[:200], again[:200])
}

func TestAnInterruptEndsACommand(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, args := range []string{"generate", "replay --embedded --input main.go"} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, failed, run(ctx, strings.Fields(args), nil, &stdout, &stderr), args)
		require.Equal(t, "tidemark: interrupted\n", stderr.String(), args)
	}
}
