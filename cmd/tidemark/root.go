package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
)

// The exit codes, which scripts rely on.
const (
	good    = 0
	failed  = 1
	misused = 2
)

// run is the whole program: what main does with the process's own arguments,
// files and signals, a test does with others.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	quietRedis()
	root := rootCommand()
	root.SetArgs(append([]string{}, args...)) // of nil it would make those of the process
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)

	// Until a command begins, whatever is wrong is how it was called.
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	command, err := root.ExecuteContextC(ctx)
	var wrong misuse
	switch {
	case err == nil:
		return good
	case !began || errors.As(err, &wrong):
		fmt.Fprintf(stderr, "tidemark: %v\nSee: %s --help\n", err, command.CommandPath())
		return misused
	default:
		report(stderr, err)
		return failed
	}
}

// misuse is an error in how a command was called.
type misuse struct{ reason string }

func (m misuse) Error() string { return m.reason }

func misusef(format string, values ...any) error {
	return misuse{fmt.Sprintf(format, values...)}
}

// report tells why a command failed.
func report(stderr io.Writer, err error) {
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		// Each on a line of its own that begins with its place: editors jump there.
		fmt.Fprintf(stderr, "%v\ntidemark: the configuration has %s\n", problems, counted(len(problems), "problem"))
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "tidemark: interrupted")
	default:
		fmt.Fprintf(stderr, "tidemark: %v\n", err)
	}
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tidemark",
		Short: "Every customer's segment, live and exact",
		Long: `Tidemark reads purchases, refunds and clicks from Kafka and keeps every
customer in exactly one segment: loyal, potential, edge or churned. Whenever a
customer moves, by an event or because time passed, it publishes the change.`,
		Example: `  tidemark demo                # watch it work, nothing to install
  tidemark generate | tidemark replay --embedded --input - --profiles profiles.jsonl`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// cobra sorts by name; this is the order in which one meets them.
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	cobra.EnableCommandSorting = false
	root.AddCommand(demoCommand(), runCommand(), replayCommand(), getCommand(), exportCommand(), verifyCommand(), topicsCommand(), deadLettersCommand(), repartitionCommand(), namespaceCommand(), generateCommand(), configCommand(), versionCommand())
	return root
}

// group is a command that only has others below it.
func group(command *cobra.Command, below ...*cobra.Command) *cobra.Command {
	command.AddCommand(below...)
	command.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return misusef("unknown command %q for %q", args[0], c.CommandPath())
		}
		return c.Help()
	}
	return command
}
