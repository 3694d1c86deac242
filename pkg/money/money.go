// Package money counts money in whole minor units of a currency (cents), as an int64, and never as a float.
package money

import (
	"math"
	"strconv"

	"github.com/tidemark/tidemark/pkg/planted"
)

// Parse reads a number in the grammar of JSON as minor units of a currency with the given decimals. It is judged by its
// value: 12.340, -0 and 1e-2 are fine where they are whole minor units from 0 to the largest int64, anything else is
// not ok. The work does not depend on the size of the exponent.
func Parse(number string, decimals int) (minor int64, ok bool) {
	d, ok := scanDecimal(number)
	if !ok {
		return 0, false
	}
	if d.digits == 0 {
		return 0, true
	}
	units, ok := d.times10(decimals).whole()
	if ok && !d.negative && units <= math.MaxInt64 && planted.MoneyThroughFloat.On() {
		return throughFloat(number, decimals), true
	}
	return int64(units), ok && !d.negative && units <= math.MaxInt64
}

// throughFloat is what a planted bug makes of an amount.
func throughFloat(number string, decimals int) int64 {
	major, _ := strconv.ParseFloat(number, 64)
	if minor := major * math.Pow10(decimals); minor < math.MaxInt64 {
		return int64(minor)
	}
	return math.MaxInt64
}

// Append writes minor units as a decimal number with exactly the given decimals: 51240 with 2 is 512.40.
func Append(dst []byte, minor int64, decimals int) []byte {
	units := uint64(minor)
	if minor < 0 {
		dst = append(dst, '-')
		units = -units
	}
	if decimals == 0 {
		return strconv.AppendUint(dst, units, 10)
	}
	scale := powers[decimals]
	dst = strconv.AppendUint(dst, units/scale, 10)
	dst = append(dst, '.')
	for rest := units % scale; scale > 1; rest %= scale {
		scale /= 10
		dst = append(dst, '0'+byte(rest/scale))
	}
	return dst
}

// AddSaturating adds two sums and stays at the largest (or smallest) int64 where the sum would leave its range.
func AddSaturating(a, b int64) int64 {
	sum := a + b
	if a > 0 && b > 0 && sum < 0 {
		return math.MaxInt64
	}
	if a < 0 && b < 0 && sum >= 0 {
		return math.MinInt64
	}
	return sum
}
