package instant

import "strconv"

// Append writes ms as 2026-03-01T10:00:00.000Z: UTC, always three digits of the second. A year above 9999 takes as
// many digits as it needs, one before 0 a sign.
func Append(dst []byte, ms int64) []byte {
	days, rest := ms/day, ms%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	year, month, dayOfMonth := civil(days)
	dst = appendYear(dst, year)
	h, m, s, milli := rest/hour, rest/minute%60, rest/second%60, rest%second
	return append(dst,
		'-', '0'+byte(month/10), '0'+byte(month%10),
		'-', '0'+byte(dayOfMonth/10), '0'+byte(dayOfMonth%10),
		'T', '0'+byte(h/10), '0'+byte(h%10),
		':', '0'+byte(m/10), '0'+byte(m%10),
		':', '0'+byte(s/10), '0'+byte(s%10),
		'.', '0'+byte(milli/100), '0'+byte(milli/10%10), '0'+byte(milli%10), 'Z')
}

// Format is Append as a string.
func Format(ms int64) string {
	return string(Append(make([]byte, 0, len("2006-01-02T15:04:05.000Z")), ms))
}

func appendYear(dst []byte, year int64) []byte {
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	}
	if year > 9999 {
		return strconv.AppendInt(dst, year, 10)
	}
	return append(dst, '0'+byte(year/1000), '0'+byte(year/100%10), '0'+byte(year/10%10), '0'+byte(year%10))
}
