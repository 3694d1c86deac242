package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// text reads a string, quotes included, and says whether it holds escapes. All of it has to be valid UTF-8 without half
// surrogate pairs. Printable ASCII is passed over eight bytes at a time: it is most of an event.
func (s *scanner) text(i int) (end int, escaped bool) {
	data := s.data
	for i++; i < len(data); {
		if i+8 <= len(data) {
			mask := special(binary.LittleEndian.Uint64(data[i:]))
			if mask == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(mask) / 8
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			i = s.escape(i)
			escaped = true
		case c >= utf8.RuneSelf:
			i = s.beyondASCII(i)
		case c < ' ':
			return bad, false
		default: // nothing special, among the last seven bytes
			i++
		}
	}
	return bad, false
}

// beyondASCII reads characters of two bytes and more, at least one.
func (s *scanner) beyondASCII(i int) int {
	for s.at(i) >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(s.data[i:])
		if r == utf8.RuneError && size == 1 {
			return bad
		}
		i += size
	}
	return i
}

// special marks the top bit of each byte that is no printable ASCII, a quote or a backslash. Subtracting borrows into the
// top bit where a byte was less than what is taken from it. A borrow out of a marked byte may mark bytes above it that
// are plain, but the lowest mark is always true.
func special(word uint64) uint64 {
	const (
		ones = 0x0101010101010101
		tops = 0x8080808080808080
	)
	control := word - ones*' '
	quote := (word ^ ones*'"') - ones
	backslash := (word ^ ones*'\\') - ones
	return (word | control | quote | backslash) & tops
}
