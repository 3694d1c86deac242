package shop

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortableFunctionsAreAsGoodAsThoseOfTheLibrary(t *testing.T) {
	d := newDice(1, 1)
	for range 20_000 {
		x := math.Ldexp(d.unit(), int(d.between(-60, 60)))
		if want := math.Log(x); math.Abs(ln(x)-want) > 4e-16*(1+math.Abs(want)) {
			t.Fatalf("ln(%v) = %v, want %v", x, ln(x), want)
		}
		y := 700 * (2*d.unit() - 1)
		if want := math.Exp(y); math.Abs(exp(y)-want) > 4e-16*want {
			t.Fatalf("exp(%v) = %v, want %v", y, exp(y), want)
		}
	}
	require.Zero(t, ln(1))
	require.Equal(t, 1.0, exp(0))
	require.Zero(t, exp(-1000))
	require.True(t, math.IsInf(exp(1000), 1))
	require.InEpsilon(t, math.Pow(3, -1.1), power(3, -1.1), 1e-15)
}

func TestDrawsHaveTheirMoments(t *testing.T) {
	d := newDice(3, 1)
	const n = 200_000
	check := func(name string, draw func() float64, mean, variance float64) {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = draw()
		}
		m, deviation := moments(xs)
		require.InDelta(t, mean, m, 5*math.Sqrt(variance/n), name)
		require.InEpsilon(t, variance, deviation*deviation, 0.05, name)
	}
	check("unit", d.unit, 0.5, 1.0/12)
	check("exponential", d.exponential, 1, 1)
	check("normal", d.normal, 0, 1)
	check("gamma below 1", func() float64 { return d.gamma(0.2426) }, 0.2426, 0.2426)
	check("gamma above 1", func() float64 { return d.gamma(6.25) }, 6.25, 6.25)
	a, b := 0.7929, 2.4259
	check("beta", func() float64 { return d.beta(a, b) }, a/(a+b), a*b/((a+b)*(a+b)*(a+b+1)))
	check("below", func() float64 { return float64(d.below(10)) }, 4.5, 8.25)
	check("between", func() float64 { return float64(d.between(-1, 1)) }, 0, 2.0/3)
}

func TestChanceIsExactAtItsEnds(t *testing.T) {
	d := newDice(1, 1)
	for range 1000 {
		require.False(t, d.chance(0))
		require.True(t, d.chance(1))
	}
}

func TestTheAgendaIsInOrder(t *testing.T) {
	d := newDice(5, 1)
	var a agenda
	for range 2000 {
		a.push(entry{at: d.between(0, 300), slot: uint32(d.below(1000))})
		if d.chance(0.2) {
			a.replace(entry{at: a[0].at + d.between(0, 50), slot: a[0].slot})
		}
	}
	require.Len(t, a, 2000)
	last := a.pop()
	for len(a) > 0 {
		next := a.pop()
		require.False(t, next.before(last))
		last = next
	}
}
