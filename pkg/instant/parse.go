package instant

// Parse reads YYYY-MM-DDThh:mm:ss[.f{1,9}](Z|±hh:mm) and returns unix milliseconds. Digits past the third of the
// fraction are cut off. There is no leap second, and the instant lies in the years 1970 to 9999 once the offset is
// taken into account. Anything else is not ok.
func Parse(s string) (ms int64, ok bool) {
	if len(s) < len("1970-01-01T00:00:00Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	century, year, month, dayOfMonth := two(s[0:]), two(s[2:]), two(s[5:]), two(s[8:])
	h, m, sec := two(s[11:]), two(s[14:]), two(s[17:])
	if century < 0 || year < 0 || month < 1 || month > 12 || h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59 {
		return 0, false
	}
	year += 100 * century
	if dayOfMonth < 1 || dayOfMonth > daysIn(year, month) {
		return 0, false
	}
	millis, zone, ok := fraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := parseOffset(zone)
	if !ok {
		return 0, false
	}
	ms = daysBefore(year, month, dayOfMonth)*day + int64(h)*hour + int64(m)*minute + int64(sec)*second + millis - offset
	return ms, 0 <= ms && ms <= last
}

// two reads two digits, -1 if they are not digits.
func two(s string) int {
	tens, ones := s[0]-'0', s[1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(tens)*10 + int(ones)
}

// fraction reads an optional fraction of one to nine digits as milliseconds and returns what follows it.
func fraction(s string) (millis int64, rest string, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	weight := int64(100)
	i := 1
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		millis += weight * int64(s[i]-'0')
		weight /= 10 // 0 from the fourth digit on, which cuts the rest off
	}
	return millis, s[i:], 2 <= i && i <= 10
}

// parseOffset reads Z or ±hh:mm as milliseconds ahead of UTC.
func parseOffset(s string) (ms int64, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || (s[0] != '+' && s[0] != '-') || s[3] != ':' {
		return 0, false
	}
	h, m := two(s[1:]), two(s[4:])
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, false
	}
	ms = int64(h)*hour + int64(m)*minute
	if s[0] == '-' {
		ms = -ms
	}
	return ms, true
}
