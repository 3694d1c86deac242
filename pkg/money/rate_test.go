package money_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/money"
)

func TestConvert(t *testing.T) {
	for _, test := range []struct {
		rate     string
		from, to int
		minor    int64
		want     int64
	}{
		{"0.92", 2, 2, 1000, 920},
		{"0.5", 2, 2, 1, 0}, // halves go to the even neighbour
		{"0.5", 2, 2, 3, 2},
		{"0.5", 2, 2, 5, 2},
		{"2.5", 2, 2, 1, 2},
		{"3.5", 2, 2, 1, 4},
		{"0.005", 2, 2, 101, 1},       // .505
		{"0.0061", 0, 2, 10000, 6100}, // yen to cents: two more decimals
		{"2.44", 3, 2, 1, 0},          // fils to cents: one less
		{"2.44", 3, 2, 1000, 244},
		{"0.4049", 2, 3, 100, 405}, // cents to fils
		{"163.9", 2, 0, 100, 164},  // cents to yen
		{"1e-30", 2, 2, math.MaxInt64, 0},
		{"1e-18", 0, 0, math.MaxInt64, 9},     // 9.2
		{"1e-19", 0, 0, math.MaxInt64, 1},     // .92
		{"1e-20", 0, 0, math.MaxInt64, 0},     // .09
		{"0.5000000000000000001", 0, 0, 1, 1}, // above the half by the last digit
		{"5e-20", 0, 4, 1e15, 0},              // halves again, now of 10^-16
		{"5e-20", 0, 4, 3e15, 2},
		{"1e-38", 0, 0, math.MaxInt64, 0},
		{"1e-39", 0, 0, math.MaxInt64, 0},
		{"1e-40", 0, 0, math.MaxInt64, 0},
		{"0.01234567890123456789", 0, 0, 1e6, 12346}, // a divisor of two steps
		{"0.01234567890123456789", 0, 0, 100, 1},
		{"95367431640625e-20", 0, 0, 1 << 19, 0}, // and its halves: 5^20 × 2^19 / 10^20
		{"95367431640625e-20", 0, 0, 1<<19 + 1, 1},
		{"95367431640625e-20", 0, 0, 3 << 19, 2},
		{"1e18", 0, 0, 9, 9e18},
		{"1", 2, 2, math.MaxInt64, math.MaxInt64},
		{"1e999999999", 2, 2, 0, 0},
		{"9223372036854775807", 0, 0, 1, math.MaxInt64},
		{"9.223372036854775807e-38", 0, 0, math.MaxInt64, 0},          // .85 × 10^-18
		{"1.8446744073709551615", 0, 0, 1 << 62, 8507059173023461586}, // 2^62 × 1.8446744073709551615
	} {
		rate, err := money.ParseRate(test.rate, test.from, test.to)
		require.NoError(t, err, test.rate)
		got, ok := rate.Convert(test.minor)
		require.True(t, ok, "%d at %s", test.minor, test.rate)
		require.Equal(t, test.want, got, "%d at %s, decimals %d to %d", test.minor, test.rate, test.from, test.to)
	}
}

func TestConvertAboveInt64(t *testing.T) {
	for _, test := range []struct {
		rate  string
		minor int64
	}{
		{"1.0000000000000000002", math.MaxInt64}, // 1.8 above the largest
		{"2", math.MaxInt64/2 + 1},
		{"3", math.MaxInt64},
		{"1e19", 1},
		{"1e30", 1},
		{"1e999999999", 1},
		{"18446744073709551615", 1},
		{"18446744073709551615", math.MaxInt64},
	} {
		rate, err := money.ParseRate(test.rate, 2, 2)
		require.NoError(t, err, test.rate)
		got, ok := rate.Convert(test.minor)
		require.False(t, ok, "%d at %s became %d", test.minor, test.rate, got)
	}
}

func TestParseRateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "not a decimal number such as 0.92",
		"0,92":                    "not a decimal number such as 0.92",
		"00.92":                   "not a decimal number such as 0.92",
		"1/2":                     "not a decimal number such as 0.92",
		"0":                       "not greater than 0",
		"0e9":                     "not greater than 0",
		"-0.92":                   "not greater than 0",
		"0.123456789012345678901": "more than 19 significant digits",
		"18446744073709551616":    "more than 19 significant digits",
	} {
		_, err := money.ParseRate(text, 2, 2)
		require.EqualError(t, err, want, text)
	}
}

func TestRateHasOneSpellingPerValue(t *testing.T) {
	for _, spellings := range [][]string{
		{"0.92", "0.920", "92e-2", "0.092E1", "9.2e-1"},
		{"1", "1.0", "10e-1", "0.1e1"},
		{"1200", "12e2", "1.2e3"},
	} {
		first, err := money.ParseRate(spellings[0], 2, 2)
		require.NoError(t, err)
		for _, spelling := range spellings {
			rate, err := money.ParseRate(spelling, 0, 3) // the decimals are no part of the spelling
			require.NoError(t, err)
			require.Equal(t, first.String(), rate.String(), spelling)
		}
	}
	other, err := money.ParseRate("0.921", 2, 2)
	require.NoError(t, err)
	require.Equal(t, "921e-3", other.String())
}

// convertBig is the conversion by the exact fractions of math/big.
func convertBig(minor int64, rate string, from, to int) (int64, bool) {
	exact, _ := new(big.Rat).SetString(rate)
	exact.Mul(exact, new(big.Rat).SetFrac(power(to), power(from)))
	exact.Mul(exact, new(big.Rat).SetInt64(minor))
	floor := new(big.Int).Div(exact.Num(), exact.Denom())
	rest := new(big.Rat).Sub(exact, new(big.Rat).SetInt(floor))
	switch rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		floor.Add(floor, big.NewInt(1))
	case 0:
		floor.Add(floor, big.NewInt(int64(floor.Bit(0))))
	}
	return floor.Int64(), floor.IsInt64()
}

func TestConvertAgreesWithMathBig(t *testing.T) {
	rates := rapid.OneOf(
		rapid.StringMatching(`[1-9][0-9]{0,3}(\.[0-9]{1,6})?`),
		rapid.StringMatching(`0\.[0-9]{0,6}[1-9]`),
		rapid.StringMatching(`[0-9]{0,1}\.?[0-9]{0,17}[1-9]e-?[0-9]{1,2}`).Filter(func(s string) bool {
			_, err := money.ParseRate(s, 0, 0)
			return err == nil
		}),
		rapid.SampledFrom([]string{"0.5", "1.5", "0.25", "0.05", "0.005", "5e-10", "1", "18446744073709551615e-19"}),
	)
	amounts := rapid.OneOf(rapid.Int64Range(0, 100_000), rapid.Int64Min(0), rapid.Custom(func(t *rapid.T) int64 {
		return math.MaxInt64 - rapid.Int64Range(0, 100).Draw(t, "below")
	}))
	rapid.Check(t, func(t *rapid.T) {
		text, minor := rates.Draw(t, "rate"), amounts.Draw(t, "minor")
		from, to := rapid.IntRange(0, 4).Draw(t, "from"), rapid.IntRange(0, 4).Draw(t, "to")
		rate, err := money.ParseRate(text, from, to)
		require.NoError(t, err)
		want, wantOK := convertBig(minor, text, from, to)
		got, ok := rate.Convert(minor)
		require.Equal(t, wantOK, ok, "%d at %s", minor, text)
		if ok {
			require.Equal(t, want, got, "%d at %s", minor, text)
		}
	})
}

func TestDecimals(t *testing.T) {
	for code, want := range map[string]int{
		"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "MGA": 2, "MRU": 2, "XCG": 2, "VED": 2, "ZWG": 2,
		"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "XOF": 0, "UYI": 0,
		"BHD": 3, "KWD": 3, "TND": 3, "IQD": 3,
		"CLF": 4, "UYW": 4,
	} {
		got, ok := money.Decimals(code)
		require.True(t, ok, code)
		require.Equal(t, want, got, code)
	}
	for _, code := range []string{"", "eur", "EU", "EURO", "XXX", "XTS", "XAU", "XDR", "XSU", "XUA", "ABC", "EUR USD", strings.Repeat("E", 1000)} {
		_, ok := money.Decimals(code)
		require.False(t, ok, code)
	}
}

func BenchmarkConvert(b *testing.B) {
	rate, err := money.ParseRate("0.92", 2, 2)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := rate.Convert(51240); !ok {
			b.Fatal("above int64")
		}
	}
}
