package profile

import (
	"errors"
	"strconv"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// The first line of a stored profile is for readers: compact JSON with what was
// published last, so that a program in any language can take a customer's
// segment from the first bytes of the value. There is one spelling for each
// content, which readLine insists on.

var errLine = errors.New(`the first line is not {"lifecycle":…,"since":…,"version":…,"next":…,"next_at":…}`)

func (p *Profile) appendLine(dst []byte) []byte {
	dst = append(dst, `{"lifecycle":`...)
	dst = appendName(dst, p.Segment)
	dst = append(dst, `,"since":`...)
	dst = appendInstant(dst, p.Since)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, p.Version, 10)
	dst = append(dst, `,"next":`...)
	dst = appendName(dst, p.Next)
	dst = append(dst, `,"next_at":`...)
	dst = appendInstant(dst, p.NextAt)
	return append(dst, '}', '\n')
}

func appendName(dst []byte, s segment.Segment) []byte {
	if s == segment.None {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = append(dst, s.String()...)
	return append(dst, '"')
}

func appendInstant(dst []byte, ms int64) []byte {
	if ms == None {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = instant.Append(dst, ms)
	return append(dst, '"')
}

// Line is what the first line of a stored profile says.
type Line struct {
	Segment segment.Segment // None: forgotten, or only a refund without its order is known
	Since   int64           // unix ms; None without a segment
	Version int64           // changes published so far
	Next    segment.Segment // that follows if no event arrives, None: nothing does
	NextAt  int64           // unix ms; None without a next segment
}

// ParseLine reads the first line of a stored profile; what follows it need not
// be there. It insists on the spelling of this release.
func ParseLine(stored []byte) (Line, error) {
	line, _, err := readLine(stored)
	return line, err
}

// readLine reads the first line and returns what follows it.
func readLine(stored []byte) (l Line, rest []byte, err error) {
	c := cursor{rest: stored, ok: true}
	c.literal(`{"lifecycle":`)
	l.Segment = c.name()
	c.literal(`,"since":`)
	l.Since = c.instant()
	c.literal(`,"version":`)
	l.Version = c.integer()
	c.literal(`,"next":`)
	l.Next = c.name()
	c.literal(`,"next_at":`)
	l.NextAt = c.instant()
	c.literal("}\n")
	if !c.ok {
		return Line{}, nil, errLine
	}
	return l, c.rest, nil
}

// cursor reads canonical JSON from the front of rest; ok turns false at the
// first byte that does not fit, and stays so.
type cursor struct {
	rest []byte
	ok   bool
}

func (c *cursor) literal(s string) {
	if c.ok = c.ok && c.sees(s); c.ok {
		c.rest = c.rest[len(s):]
	}
}

func (c *cursor) sees(s string) bool {
	return len(c.rest) >= len(s) && string(c.rest[:len(s)]) == s
}

func (c *cursor) null() bool {
	if !c.sees("null") {
		return false
	}
	c.rest = c.rest[len("null"):]
	return true
}

func (c *cursor) name() segment.Segment {
	if c.null() {
		return segment.None
	}
	c.literal(`"`)
	for s := segment.Loyal; s < segment.Count; s++ {
		if name := s.String(); c.ok && c.sees(name) {
			c.rest = c.rest[len(name):]
			c.literal(`"`)
			return s
		}
	}
	c.ok = false
	return segment.None
}

// integer reads a number from 0 to int64's end without leading zeros.
func (c *cursor) integer() (v int64) {
	n := 0
	for n < len(c.rest) && c.rest[n]-'0' <= 9 && n < len("9223372036854775807") {
		v = v*10 + int64(c.rest[n]-'0') // 19 digits can turn it negative, no more
		n++
	}
	if n == 0 || v < 0 || n > 1 && c.rest[0] == '0' {
		c.ok = false
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) instant() int64 {
	if c.null() {
		return None
	}
	c.literal(`"`)
	end := 0
	for end < len(c.rest) && c.rest[end] != '"' {
		end++
	}
	ms, ok := parseInstant(c.rest[:end])
	c.ok = c.ok && ok
	c.rest = c.rest[end:]
	c.literal(`"`)
	return ms
}
