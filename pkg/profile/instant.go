package profile

import (
	"math"
	"unsafe"

	"github.com/tidemark/tidemark/pkg/instant"
)

// The Gregorian calendar repeats after an era of 400 years.
const (
	eraYears  = 400
	eraLength = 146_097 * 24 * 60 * 60 * 1000 // ms
)

// parseInstant reads what instant.Append writes from 1970 on, and nothing else:
// instant.Parse is the grammar of events, which has more spellings and ends with
// the year 9999. A deadline can lie thousands of years later, and a record's
// timestamp, which a producer may set, at int64's end.
func parseInstant(s []byte) (ms int64, ok bool) {
	const canonical = len("2026-03-01T10:00:00.000Z")
	if len(s) == canonical {
		return parseEventInstant(s)
	}
	yearLen := len(s) - canonical + 4
	if yearLen < 5 || yearLen > len("292278994") || s[0] == '0' {
		return 0, false
	}
	year := int64(0)
	for _, c := range s[:yearLen] {
		if c -= '0'; c > 9 {
			return 0, false
		}
		year = year*10 + int64(c)
	}
	// The same date some eras earlier is one that events can have.
	eras := (year - 9999 + eraYears - 1) / eraYears
	year -= eras * eraYears
	var early [canonical]byte
	copy(early[4:], s[yearLen:])
	for i := 3; i >= 0; i-- {
		early[i] = '0' + byte(year%10)
		year /= 10
	}
	ms, ok = parseEventInstant(early[:])
	if !ok || eras > (math.MaxInt64-ms)/eraLength {
		return 0, false
	}
	return ms + eras*eraLength, true
}

// parseEventInstant reads an instant of the years 1970 to 9999. By its length
// and its Z the fraction has three digits: the one spelling that is written.
func parseEventInstant(s []byte) (int64, bool) {
	if s[len(s)-1] != 'Z' {
		return 0, false
	}
	return instant.Parse(unsafe.String(&s[0], len(s))) // Parse keeps nothing of it
}
