package instant

// The Gregorian calendar, extended to all years, by the integer formulas of Howard Hinnant ("chrono-compatible
// low-level date algorithms"): a year that begins on 1 March has its leap day at the end, where it moves nothing.

const (
	daysPerEra = 146097 // days in 400 years
	epochShift = 719468 // days from 0000-03-01 to 1970-01-01
)

// daysBefore counts the days from 1970-01-01 to a date of the years 0 to 9999.
func daysBefore(year, month, dayOfMonth int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	dayOfYear := (153*(month-3)+2)/5 + dayOfMonth - 1
	return int64(365*year + year/4 - year/100 + year/400 + dayOfYear - epochShift)
}

// civil is the date of a count of days since 1970-01-01, for every int64 of milliseconds.
func civil(days int64) (year int64, month, dayOfMonth int) {
	days += epochShift
	era := days / daysPerEra
	if days < 0 {
		era = (days - daysPerEra + 1) / daysPerEra
	}
	dayOfEra := int(days - era*daysPerEra)
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	marchMonth := (5*dayOfYear + 2) / 153
	dayOfMonth = dayOfYear - (153*marchMonth+2)/5 + 1
	month = marchMonth + 3
	year = int64(yearOfEra) + 400*era
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, dayOfMonth
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
