package money

import (
	"math"
	"math/bits"
)

// decimal is a number as written: digits × 10^exponent, with the last of the digits not 0, so that two spellings of one
// value are equal. Zero has no digits.
type decimal struct {
	digits   uint64
	exponent int
	negative bool
	excess   bool // it has more significant digits than fit; digits is meaningless then, but not 0
}

// maxExponent bounds what is read of an exponent. It lies far above the length of any input, so that no count of zeros
// written out can bring back a number beyond it.
const maxExponent = 1 << 27

// powers of ten that fit in an uint64.
var powers = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// scanDecimal reads exactly one number in the grammar of RFC 8259, section 6.
func scanDecimal(s string) (d decimal, ok bool) {
	i := 0
	if i < len(s) && s[i] == '-' {
		d.negative = true
		i++
	}
	whole := d.scanDigits(s[i:])
	if whole == 0 || (whole > 1 && s[i] == '0') {
		return d, false
	}
	i += whole
	if i < len(s) && s[i] == '.' {
		i++
		places := d.scanDigits(s[i:])
		if places == 0 {
			return d, false
		}
		i += places
		d.exponent -= places
	}
	if i == len(s) {
		return d, true
	}
	if s[i] != 'e' && s[i] != 'E' {
		return d, false
	}
	exponent, ok := scanExponent(s[i+1:])
	d.exponent += exponent
	return d, ok
}

// scanDigits takes in the digits at the start of s and returns how many there are. Zeros wait in the exponent until
// another digit follows them, so trailing ones never become part of the digits.
func (d *decimal) scanDigits(s string) int {
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		switch {
		case s[i] != '0':
			d.push(uint64(s[i] - '0'))
		case d.digits != 0:
			d.exponent++
		}
	}
	return i
}

// push appends the waiting zeros and then digit.
func (d *decimal) push(digit uint64) {
	zeros := d.exponent
	d.exponent = 0
	if d.excess || zeros+1 >= len(powers) {
		d.excess, d.digits = true, digit
		return
	}
	high, low := bits.Mul64(d.digits, powers[zeros+1])
	low, carry := bits.Add64(low, digit, 0)
	if high+carry != 0 {
		d.excess, d.digits = true, digit
		return
	}
	d.digits = low
}

// scanExponent reads what follows the e of a number: an optional sign and at least one digit.
func scanExponent(s string) (exponent int, ok bool) {
	i, sign := 0, 1
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		if s[i] == '-' {
			sign = -1
		}
		i++
	}
	first := i
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		exponent = min(exponent*10+int(s[i]-'0'), maxExponent)
	}
	return sign * exponent, i > first && i == len(s)
}

func (d decimal) times10(n int) decimal {
	d.exponent += n
	return d
}

// whole is the number as an uint64 if it is a whole one that fits, sign apart.
func (d decimal) whole() (uint64, bool) {
	if d.digits == 0 {
		return 0, true
	}
	if d.excess || d.exponent < 0 || d.exponent >= len(powers) || d.digits > math.MaxUint64/powers[d.exponent] {
		return 0, false
	}
	return d.digits * powers[d.exponent], true
}
