package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pipeline/replay"
)

func namespaceCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "namespace",
		Short: "Look at what is stored, or delete it",
		Long:  `Look at the whole of a namespace in Redis, or delete it.`,
		Example: `  tidemark namespace inspect -c tidemark.yaml
  tidemark namespace delete -c tidemark.yaml --name shop`,
	}, inspectCommand(), deleteCommand())
}

func inspectCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "inspect -c FILE",
		Short: "Show what is stored, and how much memory it needs",
		Long: `Count everything that Redis keeps of a namespace: customers by segment, armed
deadlines, changes that Kafka has not acknowledged, keys and memory by kind. The
memory is that of samples, multiplied. Nothing is changed, and workers may run
meanwhile.`,
		Example: `  tidemark namespace inspect -c tidemark.yaml
  tidemark namespace inspect -c tidemark.yaml --output json`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	file, other := configFlag(c, "the configuration of the namespace"), namespaceFlag(c)
	output := flags.String("output", "text", "text or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *output != "text" && *output != "json" {
			return misusef("--output %q: write text or json", *output)
		}
		loaded, err := loadNamespace(*file, *other)
		if err != nil {
			return err
		}
		report, err := inspect(c.Context(), loaded, c.ErrOrStderr())
		if err != nil {
			return err
		}
		if *output == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			err = encoder.Encode(report)
		} else {
			_, err = io.WriteString(c.OutOrStdout(), inspected(report))
		}
		if err != nil {
			return fmt.Errorf("writing what is stored: %w", err)
		}
		return nil
	}
	return c
}

func inspect(ctx context.Context, c *config.Config, stderr io.Writer) (*namespace.Report, error) {
	redis, n, err := openNamespace(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = redis.Close() }() // nothing was written
	bar := newBar(stderr)
	defer bar.clear()
	return n.Inspect(ctx, bar.counting("keys read"))
}

// inspected is a report for people.
func inspected(r *namespace.Report) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(name, format string, values ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, values...))
	}
	row("namespace", "%s", r.Namespace)
	row("policy", "version %s", r.Policy+named(r.Document))
	row("shards", "%d of %d have had an event", r.Shards, r.Partitions)
	switch {
	case r.Latest == nil:
		row("stream time", "none: no event was applied yet")
	case *r.Earliest == *r.Latest:
		row("stream time", "%s", *r.Latest)
	default:
		row("stream time", "from %s to %s", *r.Earliest, *r.Latest)
	}
	sizes := make([]string, len(replay.Segments))
	for i, s := range replay.Segments {
		sizes[i] = fmt.Sprintf("%s %s", replay.Thousands(r.Segments[s.String()]), s)
	}
	row("customers", "%s: %s", replay.Thousands(r.Customers), strings.Join(sizes, ", "))
	row("deadlines", "%s armed", replay.Thousands(r.Timers))
	row("outbox", "%s bytes of changes that Kafka has not acknowledged", replay.Thousands(r.Outbox))
	if r.Measured {
		row("memory", "%s bytes for each customer", replay.Thousands(r.PerCustomer))
	} else {
		row("memory", "this Redis does not tell")
	}
	_ = table.Flush() // a strings.Builder takes everything

	text.WriteByte('\n')
	table = tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "keys\tnumber\tbytes\tsampled\t")
	for _, k := range r.Keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", k.Kind, replay.Thousands(k.Keys), replay.Thousands(k.Bytes), replay.Thousands(k.Sampled))
	}
	_ = table.Flush()
	return text.String()
}

// named is the name in a policy's document, which has a line for each setting.
func named(document string) string {
	for line := range strings.Lines(document) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "name="); ok {
			return ", " + name
		}
	}
	return ""
}

func deleteCommand() *cobra.Command {
	var name string
	var force bool
	c := &cobra.Command{
		Use:   "delete -c FILE --name NAME",
		Short: "Delete everything that is stored in Redis",
		Long: `Delete all keys of a namespace from Redis, in pieces, while Redis serves others.
The name must be given once more, with --name or, on a terminal, when asked.

Drain the workers first: a namespace that is written to is refused. A delete that
was cut keeps workers from starting until another one ends. Kafka is not touched. A worker that starts again under this name computes everything anew from
the inputs, and finds in the topic of changes what the world was told.`,
		Example: `  tidemark namespace delete -c tidemark.yaml
  tidemark namespace delete -c tidemark.yaml --name shop`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	file, other := configFlag(c, "the configuration of the namespace"), namespaceFlag(c)
	flags.StringVar(&name, "name", "", "the namespace's name, to be sure")
	flags.BoolVar(&force, "force", false, "delete though a worker works on it")
	c.RunE = func(c *cobra.Command, _ []string) error {
		loaded, err := loadNamespace(*file, *other)
		if err != nil {
			return err
		}
		if name == "" {
			if name, err = askName(loaded.Namespace, c.InOrStdin(), c.ErrOrStderr()); err != nil {
				return err
			}
		}
		if name != loaded.Namespace {
			return misusef("the name is %q, but the namespace is %s: nothing was deleted", name, loaded.Namespace)
		}
		deleted, err := deleteNamespace(c.Context(), loaded, force, c.ErrOrStderr())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "namespace %s is deleted: %s keys\n", loaded.Namespace, replay.Thousands(deleted))
		return err
	}
	return c
}

// askName has somebody at a terminal type the name.
func askName(namespace string, stdin io.Reader, stderr io.Writer) (string, error) {
	if file, ok := stdin.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return "", misusef("say which namespace is to be deleted: --name %s", namespace)
	}
	fmt.Fprintf(stderr, "This deletes everything stored in Redis under %s. Type its name to go on: ", namespace)
	line, err := bufio.NewReader(stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the name: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// watchBefore is how long a namespace is watched before it is deleted: workers
// of a live one commit more often.
const watchBefore = 3 * time.Second

func deleteNamespace(ctx context.Context, c *config.Config, force bool, stderr io.Writer) (int64, error) {
	redis, n, err := lookNamespace(ctx, c)
	if err != nil {
		return 0, err
	}
	defer func() { _ = redis.Close() }() // what it would say was said by its commands
	if !force {
		err := n.Watch(ctx, watchBefore)
		if errors.Is(err, namespace.ErrActive) {
			return 0, fmt.Errorf("namespace %s: %w: drain its workers first, or add --force", c.Namespace, err)
		}
		if err != nil {
			return 0, unreachable(c, err)
		}
	}
	bar := newBar(stderr)
	defer bar.clear()
	deleted, err := n.Delete(ctx, bar.counting("keys deleted"))
	if err == nil && deleted == 0 {
		err = nothingStored(c)
	}
	return deleted, err
}
