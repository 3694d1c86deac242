package pipeline

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
)

// position is what the header tidemark-at of a change names: the next offset of
// each input of its shard, and the stream time.
type position struct {
	offsets map[string]int64
	clock   int64 // unix ms; None where there was none yet
}

// appendPosition writes the header: {"offsets":{"<topic>":<offset>},"stream_time":"…"}.
func appendPosition(dst []byte, topics []store.Topic, clock int64) []byte {
	dst = append(dst, `{"offsets":{`...)
	for i := range topics {
		if i > 0 {
			dst = append(dst, ',')
		}
		// Topic names have no character that JSON escapes.
		dst = append(dst, '"')
		dst = append(dst, topics[i].Name...)
		dst = append(dst, `":`...)
		dst = strconv.AppendInt(dst, topics[i].Next, 10)
	}
	dst = append(dst, `},"stream_time":`...)
	if clock == instant.None {
		return append(dst, "null}"...)
	}
	dst = append(dst, '"')
	dst = instant.Append(dst, clock)
	return append(dst, `"}`...)
}

// parsePosition reads the header back.
func parsePosition(raw []byte) (position, error) {
	var wire struct {
		Offsets    map[string]int64 `json:"offsets"`
		StreamTime *string          `json:"stream_time"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return position{}, fmt.Errorf("reading header %s: %w", headerAt, err)
	}
	for topic, next := range wire.Offsets {
		if next < 0 {
			return position{}, fmt.Errorf("reading header %s: offset %d of %s is negative", headerAt, next, topic)
		}
	}
	p := position{offsets: wire.Offsets, clock: instant.None}
	if wire.StreamTime != nil {
		ms, ok := instant.Parse(*wire.StreamTime)
		if !ok {
			return position{}, fmt.Errorf("reading header %s: %q is no time", headerAt, *wire.StreamTime)
		}
		p.clock = ms
	}
	return p, nil
}

// published is a record of the changes topic as a take-over reads it.
type published struct {
	change.Head
	at position
}
