package deadletter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
)

// repaired visits letters that somebody has mended: lines as PrintJSON writes
// them, with another key, value or headers. first is the letter as it lies in the
// topic, which the line names by its place; where retention has deleted that one
// it is the line's own. An error names the line.
func (r *Retry) repaired(ctx context.Context, visit func(l, first *Letter) error) error {
	topic := finder{source: r.Source, stretches: map[target]*stretch{}}
	in := bufio.NewReader(r.Repaired)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading repaired letters: %w", err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := r.repairedLine(ctx, &topic, line, visit); err != nil {
				if errors.Is(err, ErrEnough) {
					return nil
				}
				return fmt.Errorf("line %d of the repaired letters: %w", number, err)
			}
		}
		if err != nil {
			return nil
		}
	}
}

func (r *Retry) repairedLine(ctx context.Context, topic *finder, line []byte, visit func(l, first *Letter) error) error {
	at, l, err := ParseJSON(line)
	if err != nil || !r.Filter.wants(&l) {
		return err
	}
	first, err := r.first(ctx, topic, at, &l)
	if err != nil {
		return err
	}
	return visit(&l, first)
}

// first finds the letter that a line is about.
func (r *Retry) first(ctx context.Context, topic *finder, at Place, l *Letter) (*Letter, error) {
	record, start, err := topic.find(ctx, target{r.Topic, at.Partition}, at.Offset)
	if err != nil {
		return nil, err
	}
	if record == nil && at.Offset < start {
		return l, nil
	}
	if record != nil {
		first, err := Parse(record)
		if err == nil && first.Topic == l.Topic && first.Partition == l.Partition && first.Offset == l.Offset &&
			first.RejectedAt == l.RejectedAt && first.Reason == l.Reason {
			return &first, nil
		}
	}
	return nil, fmt.Errorf("partition %d of %s holds no such letter at offset %d: change nothing but key, value and headers of what `tidemark dead-letters list --output json` writes",
		at.Partition, r.Topic, at.Offset)
}

// ParseJSON reads a line that PrintJSON has written, and where the letter lies.
// What it does not know is an error: a misspelt name would else change nothing.
func ParseJSON(line []byte) (Place, Letter, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var s shown
	if err := decoder.Decode(&s); err != nil {
		return Place{}, Letter{}, fmt.Errorf("reading a letter: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Place{}, Letter{}, errors.New("reading a letter: something follows it: write one on each line")
	}
	l := Letter{Topic: s.From.Topic, Partition: s.From.Partition, Offset: s.From.Offset, Reason: s.Reason}
	var ok bool
	if l.RejectedAt, ok = instant.Parse(s.RejectedAt); !ok {
		return Place{}, Letter{}, fmt.Errorf("reading a letter: rejected_at %q is not a time", s.RejectedAt)
	}
	if !slices.ContainsFunc(event.Reasons[:], func(r event.Reason) bool { return r.String() == l.Reason }) {
		return Place{}, Letter{}, fmt.Errorf("reading a letter: reason %q is none", l.Reason)
	}
	if s.Partition < 0 || s.Offset < 0 || l.Partition < 0 || l.Offset < 0 {
		return Place{}, Letter{}, errors.New("reading a letter: no partition or offset is negative")
	}
	var errs [2]error
	l.Key, errs[0] = untext("key", s.Key, s.KeyBase64)
	l.Value, errs[1] = untext("value", s.Value, s.ValueBase64)
	err := errors.Join(errs[:]...)
	for _, p := range s.Headers {
		value, bad := untext("value of header "+p.Key, p.Value, p.ValueBase64)
		l.Headers, err = append(l.Headers, sink.Header{Key: p.Key, Value: value}), errors.Join(err, bad)
	}
	if err != nil {
		return Place{}, Letter{}, fmt.Errorf("reading a letter: %w", err)
	}
	return Place{s.Partition, s.Offset}, l, nil
}

// untext undoes text.
func untext(name string, plain *string, encoded string) ([]byte, error) {
	switch {
	case plain != nil && encoded != "":
		return nil, fmt.Errorf("%s is given as text and in base64: keep one", name)
	case plain != nil:
		return []byte(*plain), nil
	case encoded != "":
		b, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return b, nil
	default:
		return nil, nil
	}
}
