package shop

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// dice draws from a PCG. The distributions of math/rand/v2 itself are passed
// over: its normal and exponential call math.Exp and math.Log, which differ in
// the last bit between machines.
type dice struct {
	pcg   *rand.PCG
	spare float64 // the second normal of a pair
	held  bool    // whether spare is one
}

func newDice(seed, stream uint64) *dice {
	return &dice{pcg: rand.NewPCG(seed, stream)}
}

// below is uniform on 0 … n−1. Its bias, n/2^64, is far below what any
// simulated shop could show.
func (d *dice) below(n uint64) uint64 {
	high, _ := bits.Mul64(d.pcg.Uint64(), n)
	return high
}

// between is uniform on from … to, both included.
func (d *dice) between(from, to int64) int64 {
	return from + int64(d.below(uint64(to-from)+1))
}

// unit is uniform on (0, 1] in steps of 2^-53: never 0, so that it has a
// logarithm.
func (d *dice) unit() float64 {
	return float64(d.pcg.Uint64()>>11+1) / (1 << 53)
}

// chance is true with probability p; exactly never at 0 and always at 1.
func (d *dice) chance(p float64) bool {
	return d.unit() <= p
}

// exponential has mean 1.
func (d *dice) exponential() float64 {
	return -ln(d.unit())
}

// normal is standard normal, by Marsaglia's polar method: it needs only a
// logarithm and a root.
func (d *dice) normal() float64 {
	if d.held {
		d.held = false
		return d.spare
	}
	for {
		x := 2*d.unit() - 1
		y := 2*d.unit() - 1
		s := float64(x*x) + float64(y*y)
		if s >= 1 || s == 0 {
			continue
		}
		scale := math.Sqrt(-2 * ln(s) / s)
		d.spare, d.held = float64(y*scale), true
		return float64(x * scale)
	}
}

// gamma has the given shape and rate 1 (Marsaglia and Tsang, 2000). A shape
// below 1 is drawn one higher and pulled down by a power of a uniform; the
// result may then be 0, the smallest number there is.
func (d *dice) gamma(shape float64) float64 {
	if shape < 1 {
		return float64(d.gamma(shape+1) * power(d.unit(), 1/shape))
	}
	a := shape - 1.0/3
	c := 1 / math.Sqrt(9*a)
	for {
		x := d.normal()
		v := 1 + float64(c*x)
		if v <= 0 {
			continue
		}
		v = float64(float64(v*v) * v)
		bound := float64(0.5*float64(x*x)) + float64(a*(1-v+ln(v)))
		if ln(d.unit()) <= bound {
			return float64(a * v)
		}
	}
}

// beta is on (0, 1), from two gammas.
func (d *dice) beta(a, b float64) float64 {
	x := d.gamma(a)
	y := d.gamma(b)
	if x+y == 0 {
		return 0
	}
	return x / (x + y)
}
