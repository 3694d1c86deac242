package export

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Format is how a list is written.
type Format uint8

// The formats.
const (
	JSONL Format = iota + 1 // a JSON object a line
	CSV                     // with a header
)

// ParseFormat finds a format by its name.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "jsonl":
		return JSONL, nil
	case "csv":
		return CSV, nil
	}
	return 0, fmt.Errorf("unknown format %q: write jsonl or csv", name)
}

// columns are what is told of each customer.
var columns = [...]string{"customer_id", "lifecycle", "since", "version", "next", "next_at", "stream_time"}

// writer writes customers as lines, one at a time into the same buffer.
type writer struct {
	format Format
	line   bytes.Buffer
	csv    *csv.Writer // into line
}

func newWriter(format Format) *writer {
	w := &writer{format: format}
	w.csv = csv.NewWriter(&w.line)
	return w
}

// header is what comes before the first line, nil for nothing.
func (w *writer) header() []byte {
	if w.format != CSV {
		return nil
	}
	return w.record(columns[:])
}

// customer is good until the next one.
func (w *writer) customer(c *client.Customer) []byte {
	values := [len(columns)]string{c.ID, c.Segment.String(), timeText(c.Since), strconv.FormatInt(c.Version, 10), "", "", timeText(c.AsOf)}
	if c.Next != segment.None {
		values[4], values[5] = c.Next.String(), timeText(c.NextAt)
	}
	if w.format == CSV {
		return w.record(values[:])
	}
	return w.object(&values)
}

// record is a line of CSV.
func (w *writer) record(values []string) []byte {
	w.line.Reset()
	_ = w.csv.Write(values) // a buffer takes everything
	w.csv.Flush()
	return bytes.TrimSuffix(w.line.Bytes(), []byte("\n"))
}

// object is a line of JSON.
func (w *writer) object(values *[len(columns)]string) []byte {
	w.line.Reset()
	line := append(w.line.AvailableBuffer(), '{')
	for i, value := range values {
		if i > 0 {
			line = append(line, ',')
		}
		line = change.AppendString(line, columns[i])
		line = append(line, ':')
		switch {
		case columns[i] == "version":
			line = append(line, value...)
		case value == "" && i > 0:
			line = append(line, "null"...)
		default:
			line = change.AppendString(line, value)
		}
	}
	w.line.Write(append(line, '}'))
	return w.line.Bytes()
}

// timeText is empty for no time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return instant.Format(t.UnixMilli())
}
