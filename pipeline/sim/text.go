package sim

import (
	"fmt"
	"time"
)

var short = map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}

// quoted writes a JSON string with nothing escaped that need not be.
func quoted(s string) string {
	out := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case short[c] != "":
			out = append(out, short[c]...)
		case c < 0x20:
			out = fmt.Appendf(out, "\\u%04x", c)
		default:
			out = append(out, c)
		}
	}
	return string(append(out, '"'))
}

// clock writes an instant as the contract does.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// orNull is a quoted text, null where there is none.
func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return quoted(s)
}

// clockOrNull is a quoted instant, null where there is none.
func clockOrNull(ms int64) string {
	if ms == none {
		return "null"
	}
	return quoted(clock(ms))
}

// decimal writes minor units with their decimals.
func decimal(minor int64, digits int) string {
	text := fmt.Sprintf("%0*d", digits+1, minor)
	if digits == 0 {
		return text
	}
	return text[:len(text)-digits] + "." + text[len(text)-digits:]
}
