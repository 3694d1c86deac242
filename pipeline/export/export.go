// Package export lists in which segment every customer is: the first load of an
// audience. From then on the changes tell.
package export

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Options say what is listed.
type Options struct {
	Namespace *namespace.Namespace
	Client    *client.Client    // of the same
	Segments  []segment.Segment // only these; none: all four
	Format    Format

	Line     func(line []byte) error // takes the lines of the list, without their ends
	Progress func(read int64)        // how many customers have been read, now and then; nil: not wanted
}

// Run reads every customer once and returns how many were listed. Each line was
// right at the moment at which it was read: workers may run meanwhile. Memory
// does not grow with the number of customers, so one that comes twice, which can
// be where Redis grows its table meanwhile, is listed twice; the later line
// counts.
func Run(ctx context.Context, o Options) (listed int64, err error) {
	w := newWriter(o.Format)
	if header := w.header(); header != nil {
		if err := o.Line(header); err != nil {
			return 0, err
		}
	}
	var read int64
	err = o.Namespace.Customers(ctx, func(ids []string) error {
		found, err := o.Client.GetMany(ctx, ids)
		if err != nil {
			return err
		}
		for i := range found {
			if !o.wants(found[i].Segment) {
				continue
			}
			if err := o.Line(w.customer(&found[i])); err != nil {
				return err
			}
			listed++
		}
		if read += int64(len(ids)); o.Progress != nil {
			o.Progress(read)
		}
		return nil
	})
	if err != nil {
		return listed, fmt.Errorf("exporting the segments: %w", err)
	}
	return listed, nil
}

func (o *Options) wants(s segment.Segment) bool {
	return s != segment.None && (len(o.Segments) == 0 || slices.Contains(o.Segments, s))
}
