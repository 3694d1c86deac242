package event

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escape reads an escape in a string. A surrogate has to be the first half of a pair whose second half follows at once.
func (s *scanner) escape(i int) int {
	switch s.at(i + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		unit, ok := s.unit(i)
		if !ok {
			return bad
		}
		if !utf16.IsSurrogate(unit) {
			return i + 6
		}
		second, ok := s.unit(i + 6)
		if !ok || utf16.DecodeRune(unit, second) == utf8.RuneError {
			return bad
		}
		return i + 12
	}
	return bad
}

// unit is the UTF-16 code unit of an escape \uXXXX at i, if there is one.
func (s *scanner) unit(i int) (rune, bool) {
	if s.at(i) != '\\' || s.at(i+1) != 'u' {
		return 0, false
	}
	var unit rune
	for _, at := range [...]int{i + 2, i + 3, i + 4, i + 5} {
		digit, ok := hex(s.at(at))
		if !ok {
			return 0, false
		}
		unit = unit<<4 | digit
	}
	return unit, true
}

func hex(c byte) (rune, bool) {
	switch {
	case isDigit(c):
		return rune(c - '0'), true
	case 'a' <= c && c <= 'f':
		return rune(c - 'a' + 10), true
	case 'A' <= c && c <= 'F':
		return rune(c - 'A' + 10), true
	}
	return 0, false
}

// unescape appends what a string that was read without fault stands for.
func unescape(dst, raw []byte) []byte {
	s := scanner{data: raw}
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		var r rune
		r, i = s.unescapeOne(i)
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// unescapeOne is the character of the escape at i, and the position after it.
func (s *scanner) unescapeOne(i int) (rune, int) {
	switch c := s.data[i+1]; c {
	case 'b':
		return '\b', i + 2
	case 'f':
		return '\f', i + 2
	case 'n':
		return '\n', i + 2
	case 'r':
		return '\r', i + 2
	case 't':
		return '\t', i + 2
	case 'u':
		unit, _ := s.unit(i)
		if !utf16.IsSurrogate(unit) {
			return unit, i + 6
		}
		second, _ := s.unit(i + 6)
		return utf16.DecodeRune(unit, second), i + 12
	default:
		return rune(c), i + 2
	}
}
