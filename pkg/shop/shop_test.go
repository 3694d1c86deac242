package shop

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// lived opens a shop and hands every line to see.
func lived(t *testing.T, o Options, see func(Line)) (lines int64) {
	t.Helper()
	s, err := New(o)
	require.NoError(t, err)
	for {
		line, ok := s.Next()
		if !ok {
			return lines
		}
		lines++
		see(line)
	}
}

func noisy() Options {
	o := Default()
	o.Customers = 300
	o.Duplicates, o.Disorder, o.Malformed = 0.1, 0.2, 0.05
	return o
}

func TestTheSameSeedGivesTheSameBytesOnEveryMachine(t *testing.T) {
	sum := func(o Options) string {
		hash := sha256.New()
		lived(t, o, func(l Line) {
			hash.Write(l.Value)
			hash.Write([]byte{'\n'})
		})
		return hex.EncodeToString(hash.Sum(nil))[:16]
	}

	// These hashes are part of the contract of `generate`: logs that people keep
	// by their seed alone. They may change with a note in the CHANGELOG.
	hot := noisy()
	hot.Zipf, hot.Events, hot.Seed = 1.1, 20_000, 7
	require.Equal(t, "5f55c59716bd2742", sum(Default()))
	require.Equal(t, "877b5e01f1101ed9", sum(hot))

	other := Default()
	other.Seed = 2
	require.NotEqual(t, sum(Default()), sum(other))
}

// Shops that sign share a log without sharing an event or an order, and are
// otherwise the same.
func TestASignedShop(t *testing.T) {
	o := noisy()
	o.Seed = 42
	var plain, signed [][]byte
	lived(t, o, func(l Line) { plain = append(plain, bytes.Clone(l.Value)) })
	o.Signed = true
	lived(t, o, func(l Line) { signed = append(signed, bytes.Clone(l.Value)) })
	require.Len(t, signed, len(plain))
	orders := 0
	for i, line := range signed {
		if bytes.HasPrefix(plain[i], []byte(`{"id":"e-`)) {
			require.True(t, bytes.HasPrefix(line, []byte(`{"id":"e-42-`)), "%s", line)
			orders += bytes.Count(line, []byte(`"order_id":"o-42-`))
		}
		line = bytes.ReplaceAll(line, []byte("e-42-"), []byte("e-"))
		require.Equal(t, string(plain[i]), string(bytes.ReplaceAll(line, []byte("o-42-"), []byte("o-"))))
	}
	require.Positive(t, orders)
}

func TestPurchasesFollowTheirModel(t *testing.T) {
	for name, browsing := range map[string]float64{"purchases alone": 0, "with visits between them": 2.5} {
		t.Run(name, func(t *testing.T) {
			const weeks = 39
			o := Default()
			o.Customers = 20_000
			o.To = o.From + weeks*week
			o.Model.Joining = 1e-9
			o.Model.Prospects, o.Model.WinBack, o.Model.Returns, o.Model.Erasures = 0, 0, 0, 0
			o.Model.Browsing = browsing

			repeats := make([]float64, o.Customers)
			for i := range repeats {
				repeats[i] = -1
			}
			lived(t, o, func(l Line) {
				if bytes.Contains(l.Value, []byte(`"purchase"`)) {
					repeats[l.Customer-1]++
				}
			})
			mean, deviation := moments(repeats)
			expected := expectedPurchases(&o.Model, weeks)
			require.InDelta(t, 1.0, expected, 0.2, "the formula itself")
			require.InDelta(t, expected, mean, 4*deviation/math.Sqrt(float64(o.Customers)))

			none := 0.0
			for _, n := range repeats {
				if n == 0 {
					none++
				}
			}
			share := math.Pow(o.Model.Alpha/(o.Model.Alpha+weeks), o.Model.R)
			require.InDelta(t, share, none/float64(o.Customers), 4*math.Sqrt(share*(1-share)/float64(o.Customers)))
		})
	}
}

// expectedPurchases is E[X(t)] of a BG/NBD customer after his first purchase
// (Fader, Hardie and Lee, 2005, equation 9), the hypergeometric function by its
// series.
func expectedPurchases(m *Model, t float64) float64 {
	z := t / (m.Alpha + t)
	term, sum := 1.0, 1.0
	for n := 0.0; term > 1e-15; n++ {
		term *= (m.R + n) * (m.B + n) / (m.A + m.B - 1 + n) / (n + 1) * z
		sum += term
	}
	return (m.A + m.B - 1) / (m.A - 1) * (1 - math.Pow(m.Alpha/(m.Alpha+t), m.R)*sum)
}

func moments(xs []float64) (mean, deviation float64) {
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	for _, x := range xs {
		deviation += (x - mean) * (x - mean) / float64(len(xs))
	}
	return mean, math.Sqrt(deviation)
}

func TestEveryLineDecodesUnlessItIsMeantNotTo(t *testing.T) {
	o := noisy()
	o.Malformed = 0.2
	p := policy.Default()
	decoder, err := event.NewDecoder(p)
	require.NoError(t, err)

	var ev event.Event
	reasons := map[event.Reason]int{}
	types := map[event.Type]int{}
	lived(t, o, func(l Line) {
		reason := decoder.Decode(l.Value, event.Record{Timestamp: o.To, Latest: instant.None}, &ev)
		reasons[reason]++
		switch {
		case l.Bad != (reason != event.OK), bytes.ContainsRune(l.Value, '\n'):
			t.Fatalf("%s: %s", l.Value, reason)
		case l.Bad:
			return
		case ev.OccurredAt < o.From, ev.OccurredAt >= o.To, ev.Customer != customerID(l.Customer):
			t.Fatalf("%s: another time or customer than the line's", l.Value)
		}
		types[ev.Type]++
	})
	for _, reason := range []event.Reason{event.Malformed, event.MissingField, event.BadValue, event.UnknownType, event.UnknownCurrency} {
		require.Positive(t, reasons[reason], reason.String())
	}
	for _, kind := range []event.Type{event.Purchase, event.Refund, event.Click, event.Forget} {
		require.Positive(t, types[kind], kind.String())
	}
	require.Greater(t, types[event.Click], types[event.Purchase])
	require.Greater(t, types[event.Purchase], types[event.Refund])
}
