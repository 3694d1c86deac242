package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// lineBytes is more than a line of this release has. A longer one, of a later
// release, is read on; the profile behind it, up to many kilobytes, never is.
const lineBytes = 256

// line is the first line of a customer's value being read.
type line struct {
	place *place
	key   string
	start *redis.StringCmd
}

func (l *line) ask(ctx context.Context, pipe redis.Pipeliner) {
	l.start = pipe.GetRange(ctx, l.key, 0, lineBytes-1)
}

// read takes the line, and asks again for one that is longer than was asked for.
func (l *line) read(ctx context.Context, from redis.Cmdable) (profile.Line, error) {
	value, err := l.start.Bytes()
	for size := int64(lineBytes); err == nil && int64(len(value)) == size && bytes.IndexByte(value, '\n') < 0; {
		size *= 4
		value, err = from.GetRange(ctx, l.key, 0, size-1).Bytes()
	}
	if err != nil {
		return profile.Line{}, err
	}
	if len(value) == 0 {
		return profile.Line{Since: instant.None, NextAt: instant.None}, nil
	}
	return parse(value)
}

// parse reads the line as this release writes it, or else as the JSON that it
// is: a later release may say more.
func parse(value []byte) (profile.Line, error) {
	if l, err := profile.ParseLine(value); err == nil {
		return l, nil
	}
	first, _, whole := bytes.Cut(value, []byte{'\n'})
	var fields struct {
		Lifecycle *string `json:"lifecycle"`
		Since     *string `json:"since"`
		Version   *int64  `json:"version"`
		Next      *string `json:"next"`
		NextAt    *string `json:"next_at"`
	}
	if err := json.Unmarshal(first, &fields); err != nil || !whole || fields.Version == nil {
		return profile.Line{}, errors.New("the stored value does not begin with a line of JSON: something else than Tidemark wrote it")
	}
	l := profile.Line{Version: *fields.Version}
	var err [4]error
	l.Segment, err[0] = segmentOf(fields.Lifecycle)
	l.Since, err[1] = timeOf(fields.Since)
	l.Next, err[2] = segmentOf(fields.Next)
	l.NextAt, err[3] = timeOf(fields.NextAt)
	return l, errors.Join(err[:]...)
}

func segmentOf(name *string) (segment.Segment, error) {
	if name == nil {
		return segment.None, nil
	}
	s, ok := segment.Parse(*name)
	if !ok {
		return segment.None, fmt.Errorf("segment %q is unknown to this release of the client: update it", *name)
	}
	return s, nil
}

func timeOf(text *string) (int64, error) {
	if text == nil {
		return instant.None, nil
	}
	ms, ok := instant.Parse(*text)
	if !ok {
		return 0, fmt.Errorf("the stored value has %q in the place of a time: something else than Tidemark wrote it", *text)
	}
	return ms, nil
}
