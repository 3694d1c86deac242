package shop

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLimitIsExact(t *testing.T) {
	for name, events := range map[string]int64{"one": 1, "some": 5_000, "more than they would make": 200_000} {
		t.Run(name, func(t *testing.T) {
			o := noisy()
			o.Events = events
			var first, last int64 = math.MaxInt64, 0
			lines := lived(t, o, func(l Line) {
				first, last = min(first, l.At), max(last, l.At)
			})
			require.Equal(t, events, lines)
			require.GreaterOrEqual(t, first, o.From)
			require.Less(t, last, o.To)
			if events > 100_000 {
				require.Greater(t, last, o.To-30*day, "they fill the year")
			}
		})
	}
}

func TestSkewMakesFewCustomersBusy(t *testing.T) {
	o := Default()
	o.Customers, o.Zipf, o.Events = 2000, 1.1, 100_000
	counts := make([]float64, o.Customers)
	lived(t, o, func(l Line) { counts[l.Customer-1]++ })

	// Under Zipf's law the first of n customers has the share 1/Σ k^-z, the
	// first ten about three times as much.
	share := 1 / (float64(o.Customers) / heaviest(o.Customers, o.Zipf))
	require.InDelta(t, 0.18, share, 0.02, "the law itself")
	require.InDelta(t, share, counts[0]/float64(o.Events), 0.06)
	var ten float64
	for _, n := range counts[:10] {
		ten += n
	}
	require.InDelta(t, 0.5, ten/float64(o.Events), 0.1)
}

func TestCustomersComeOneAfterTheOther(t *testing.T) {
	o := Default()
	next := uint32(1)
	lived(t, o, func(l Line) {
		switch {
		case l.Customer > next:
			t.Fatalf("c-%d comes before c-%d", l.Customer, next)
		case l.Customer == next:
			next++
		}
	})
	require.Equal(t, uint32(o.Customers), next-1, "all of them come")
}

func TestEveryBadOptionIsNamed(t *testing.T) {
	o := Options{Customers: 0, Events: -1, From: 10, To: 5, Zipf: math.NaN(), Duplicates: 2, Disorder: -1, Malformed: 1}
	_, err := New(o)
	for _, name := range []string{"customers", "events", "from", "zipf", "duplicates", "disorder", "malformed", "model"} {
		require.ErrorContains(t, err, name)
	}
	require.NoError(t, Default().Validate())
}

func TestASlowestModelDoesNotOverflowTime(t *testing.T) {
	o := Default()
	o.Customers, o.Events = 1, 100_000
	o.Model.Pace, o.Model.Browsing, o.Model.WinBack, o.Model.Prospects = 1e-9, 0, 1, 0
	last := int64(0)
	lived(t, o, func(l Line) {
		if l.At < last || l.At >= o.To {
			t.Fatalf("%s arrives before the line before it or after the end", l.Value)
		}
		last = l.At
	})
	require.Positive(t, last)
}
