package money

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
)

// Rate converts minor units of one currency to minor units of another: units of the second for one unit of the first,
// held exactly.
type Rate struct {
	value decimal
	// A minor unit of the first is worth factor / 10^shift minor units of the second.
	factor uint64
	shift  int
}

// ParseRate reads a rate in the grammar of a JSON number, greater than 0; from and to are the decimals of the two
// currencies. Its significant digits have to fit in 64 bits, as 19 of them always do: beyond that nothing could be exact
// without arithmetic of arbitrary size for every event.
func ParseRate(s string, from, to int) (Rate, error) {
	d, ok := scanDecimal(s)
	switch {
	case !ok:
		return Rate{}, errors.New("not a decimal number such as 0.92")
	case d.digits == 0 || d.negative:
		return Rate{}, errors.New("not greater than 0")
	case d.excess:
		return Rate{}, errors.New("more than 19 significant digits")
	}
	scaled := d.times10(to - from)
	if scaled.exponent <= 0 {
		return Rate{value: d, factor: d.digits, shift: -scaled.exponent}, nil
	}
	factor, ok := scaled.whole()
	if !ok {
		factor = math.MaxUint64 // one minor unit is beyond int64 already
	}
	return Rate{value: d, factor: factor}, nil
}

// String is one spelling for each value: 0.92 and 92.0e-2 are both 92e-2.
func (r Rate) String() string {
	return strconv.FormatUint(r.value.digits, 10) + "e" + strconv.Itoa(r.value.exponent)
}

// Convert converts minor units ≥ 0, rounding once, half to even. It is not ok where the result is above int64.
func (r Rate) Convert(minor int64) (int64, bool) {
	high, low := bits.Mul64(uint64(minor), r.factor)
	quotient, ok := divideHalfEven(high, low, r.shift)
	return int64(quotient), ok && quotient <= math.MaxInt64
}

// divideHalfEven divides a number of 128 bits below 2^127 by 10^shift. It goes in two steps, because 10^38 does not fit
// in a divisor of 64 bits; from 10^39 on every quotient is below a half.
func divideHalfEven(high, low uint64, shift int) (quotient uint64, ok bool) {
	if shift >= 2*len(powers)-1 {
		return 0, true
	}
	first := min(shift, len(powers)-1)
	if high >= powers[first] {
		return 0, false
	}
	quotient, rest := bits.Div64(high, low, powers[first])
	if shift == first {
		return roundHalfEven(quotient, rest, powers[first], false), true
	}
	second := powers[shift-first]
	quotient, upper := quotient/second, quotient%second
	return roundHalfEven(quotient, upper, second, rest != 0), true
}

// roundHalfEven rounds quotient + rest/divisor; more says that the true remainder lies a little above rest.
func roundHalfEven(quotient, rest, divisor uint64, more bool) uint64 {
	opposite := divisor - rest
	if rest > opposite || (rest == opposite && (more || quotient%2 == 1)) {
		quotient++
	}
	return quotient
}
