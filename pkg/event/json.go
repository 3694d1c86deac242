package event

import "math"

const (
	// maxDepth is how many arrays and objects may lie inside each other, the event itself being the first.
	maxDepth = 64

	// bad is the position after something that is not JSON. It lies beyond the end of every document, so that whatever
	// is looked for next is not there either, and no step has to ask whether the one before it failed.
	bad = math.MaxInt / 2
)

// scanner reads one RFC 8259 document from left to right. Its methods take the position of the first byte of what they
// read, and return the position after it or bad.
type scanner struct {
	data   []byte
	fields [fieldCount]field
	names  names
}

// scan finds the fields of the event in data. It is false unless data is exactly one object, well-formed from its first
// byte to its last.
func (s *scanner) scan(data []byte) bool {
	s.data = data
	s.fields = [fieldCount]field{}
	end := s.space(s.event(s.space(0)))
	s.names.forget()
	return end == len(data)
}

// event reads the outermost object and notes where the fields lie.
func (s *scanner) event(i int) int {
	if s.at(i) != '{' {
		return bad
	}
	unknown := s.names.open()
	var known [fieldCount]bool
	i = s.space(i + 1)
	if s.at(i) == '}' {
		return i + 1
	}
	for {
		name, value := s.name(i)
		if value == bad {
			return bad
		}
		if f := fieldOf(name); f != fieldUnknown {
			if known[f] {
				return bad
			}
			known[f] = true
			s.fields[f], i = s.field(value)
		} else {
			if !s.names.add(&unknown, name) {
				return bad
			}
			i = s.value(value, 1)
		}
		i = s.space(i)
		switch s.at(i) {
		case ',':
			i = s.space(i + 1)
		case '}':
			return i + 1
		default:
			return bad
		}
	}
}

// field reads the value of a field.
func (s *scanner) field(i int) (field, int) {
	if s.at(i) == '"' {
		end, escaped := s.text(i)
		return field{kind: text, escaped: escaped, start: i + 1, end: end - 1}, end
	}
	f := field{kind: other, start: i, end: s.value(i, 1)}
	switch c := s.at(i); {
	case c == '-' || isDigit(c):
		f.kind = number
	case c == 'n':
		f.kind = absent
	}
	return f, f.end
}

// value reads any value, which lies inside depth arrays and objects.
func (s *scanner) value(i, depth int) int {
	switch c := s.at(i); c {
	case '"':
		end, _ := s.text(i)
		return end
	case '{':
		return s.object(i, depth+1)
	case '[':
		return s.array(i, depth+1)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	default:
		return s.number(i)
	}
}

// object reads an object that is the depth-th from outside and only has to be well-formed.
func (s *scanner) object(i, depth int) int {
	if depth > maxDepth {
		return bad
	}
	names := s.names.open()
	i = s.space(i + 1)
	if s.at(i) == '}' {
		return i + 1
	}
	for {
		name, value := s.name(i)
		if value == bad || !s.names.add(&names, name) {
			return bad
		}
		i = s.space(s.value(value, depth))
		switch s.at(i) {
		case ',':
			i = s.space(i + 1)
		case '}':
			s.names.close(names)
			return i + 1
		default:
			return bad
		}
	}
}

// name reads the name of a member and the colon. It returns the name unescaped and where the value begins.
func (s *scanner) name(i int) (name []byte, value int) {
	if s.at(i) != '"' {
		return nil, bad
	}
	end, escaped := s.text(i)
	colon := s.space(end)
	if s.at(colon) != ':' {
		return nil, bad
	}
	name = s.data[i+1 : end-1]
	if escaped {
		name = s.names.unescape(name)
	}
	return name, s.space(colon + 1)
}

func (s *scanner) array(i, depth int) int {
	if depth > maxDepth {
		return bad
	}
	i = s.space(i + 1)
	if s.at(i) == ']' {
		return i + 1
	}
	for {
		i = s.space(s.value(i, depth))
		switch s.at(i) {
		case ',':
			i = s.space(i + 1)
		case ']':
			return i + 1
		default:
			return bad
		}
	}
}

func (s *scanner) literal(i int, word string) int {
	end := i + len(word)
	if end > len(s.data) || string(s.data[i:end]) != word {
		return bad
	}
	return end
}

func (s *scanner) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++ // no digit may follow a leading zero
	} else {
		i = s.digits(i)
	}
	if s.at(i) == '.' {
		i = s.digits(i + 1)
	}
	if c := s.at(i); c == 'e' || c == 'E' {
		i++
		if c := s.at(i); c == '+' || c == '-' {
			i++
		}
		i = s.digits(i)
	}
	return i
}

// digits reads at least one digit.
func (s *scanner) digits(i int) int {
	if !isDigit(s.at(i)) {
		return bad
	}
	for isDigit(s.at(i)) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// space is the position of the next byte that is not white space.
func (s *scanner) space(i int) int {
	for i < len(s.data) && s.data[i] <= ' ' && isSpace(s.data[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// at is the byte at i. Past the end it is 0, with which no token begins.
func (s *scanner) at(i int) byte {
	if i < len(s.data) {
		return s.data[i]
	}
	return 0
}
