package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/export"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pkg/segment"
)

func exportCommand() *cobra.Command {
	var names []string
	var format, output string
	c := &cobra.Command{
		Use:   "export -c FILE",
		Short: "List every customer's segment",
		Long: `Write a line for every customer who has a segment: the first load of an audience,
which the topic of changes then keeps up to date. Nothing is changed, and workers
may run meanwhile: each line was right at the moment at which it was read, and
stream_time is how far the customer's shard was then.

To load without a gap, remember where the topic of changes ends, export, load, and
consume from there on: a change whose version is not above the loaded one is in it
already. A customer may come twice while Redis grows; the later line counts.`,
		Example: `  tidemark export -c tidemark.yaml > segments.jsonl
  tidemark export -c tidemark.yaml --segment loyal,edge --format csv --output audience.csv.gz`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	file, name := configFlag(c, "the configuration of the namespace"), namespaceFlag(c)
	flags.StringSliceVar(&names, "segment", nil, "only these: loyal, potential, edge, churned (default all)")
	flags.StringVar(&format, "format", "jsonl", "jsonl or csv")
	flags.StringVar(&output, "output", "-", "the file to write; .gz is packed")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		var o export.Options
		if o.Format, err = export.ParseFormat(format); err != nil {
			return misusef("--format %s: %v", format, err)
		}
		for _, name := range names {
			s, ok := segment.Parse(name)
			if !ok {
				return misusef("--segment %q: write loyal, potential, edge or churned, several with commas", name)
			}
			o.Segments = append(o.Segments, s)
		}
		loaded, err := loadNamespace(*file, *name)
		if err != nil {
			return err
		}
		return runExport(c.Context(), o, loaded, output, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// runExport writes the list of a configuration's namespace.
func runExport(ctx context.Context, o export.Options, c *config.Config, path string, stdout, stderr io.Writer) (err error) {
	redis, n, err := openNamespace(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = redis.Close() }() // nothing was written
	o.Namespace = n
	if o.Client, err = openSegments(ctx, c, redis); err != nil {
		return err
	}
	out, err := replay.Create(path, stdout)
	if err != nil {
		return err
	}
	defer out.Discard()
	o.Line = out.Line
	bar := newBar(stderr)
	if path == "-" && terminalWidth(stdout) > 0 {
		bar = nil // it would get between the lines
	}
	if bar != nil {
		o.Progress = bar.counting("customers read")
	}
	listed, err := export.Run(ctx, o)
	bar.clear()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if path != "-" {
		what := "customers with a segment"
		if len(o.Segments) > 0 {
			what = "customers in " + strings.Join(segmentNames(o.Segments), ", ")
		}
		_, err = fmt.Fprintf(stdout, "%s %s in %s\n", replay.Thousands(listed), what, path)
	}
	return err
}

func segmentNames(segments []segment.Segment) []string {
	names := make([]string, len(segments))
	for i, s := range segments {
		names[i] = s.String()
	}
	return names
}
