package shop

import "math"

// The functions of package math are written in assembly on some machines, and
// Go lets a compiler fuse x*y+z into one operation with one rounding: either
// moves a last bit, and one bit is enough to send a simulated customer another
// way. Here every product is rounded by an explicit conversion, which the
// language specification says no fusion may skip. Only math.Sqrt, Frexp and
// Ldexp are taken from package math: IEEE 754 fixes their results.

const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
	log2e = 1.44269504088896338700e+00
)

// ln is the natural logarithm of a positive, normal number, by the series of
// FreeBSD's e_log.c; its error is below one unit in the last place.
func ln(x float64) float64 {
	fraction, exponent := math.Frexp(x)
	if fraction < math.Sqrt2/2 {
		fraction *= 2
		exponent--
	}
	f := fraction - 1
	k := float64(exponent)

	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	odd := float64(s2 * polynomial(s4, 6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01))
	even := float64(s4 * polynomial(s4, 3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01, 0))
	half := float64(float64(0.5*f) * f)
	tail := float64(s*(half+odd+even)) + float64(k*ln2Lo)
	return float64(k*ln2Hi) - ((half - tail) - f)
}

// exp is e to the power of x, by the rational approximation of FreeBSD's
// e_exp.c; it is 0 below and +Inf above the range of float64.
func exp(x float64) float64 {
	switch {
	case x < -745:
		return 0
	case x > 709:
		return math.Inf(1)
	}
	k := math.Floor(float64(log2e*x) + 0.5)
	hi := x - float64(k*ln2Hi)
	lo := float64(k * ln2Lo)
	r := hi - lo

	t := float64(r * r)
	c := r - float64(t*polynomial(t, 1.66666666666666657415e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05, -1.65339022054652515390e-06))
	c -= float64(t * float64(t*float64(t*float64(t*float64(t*4.13813679705723846039e-08)))))
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return math.Ldexp(y, int(k))
}

// polynomial is a + b·x + c·x² + d·x³, by Horner's rule.
func polynomial(x, a, b, c, d float64) float64 {
	return a + float64(x*(b+float64(x*(c+float64(x*d)))))
}

// power is x to the power of y for a positive x.
func power(x, y float64) float64 {
	return exp(float64(y * ln(x)))
}
