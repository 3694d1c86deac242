package money_test

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/money"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		number   string
		decimals int
		want     int64
	}{
		{"12.34", 2, 1234},
		{"1234e-2", 2, 1234},
		{"12.340", 2, 1234},
		{"0.1234E+2", 2, 1234},
		{"123400e-4", 2, 1234},
		{"12", 2, 1200},
		{"1e-2", 2, 1},
		{"1e2", 0, 100},
		{"12.000", 0, 12},
		{"12.345", 3, 12345},
		{"0", 2, 0},
		{"-0", 2, 0},
		{"-0.000", 2, 0},
		{"-0e5", 0, 0},
		{"0e999999999", 2, 0},
		{"0e-999999999", 2, 0},
		{"0.00e99999999999999999999999999", 2, 0},
		{"-0.0E-99999999999999999999999999", 2, 0},
		{"0.01" + strings.Repeat("0", 1000), 2, 1},
		{"1" + strings.Repeat("0", 1000) + "e-1000", 0, 1},
		{"0." + strings.Repeat("0", 1000) + "1e1001", 2, 100},
		{"92233720368547758.07", 2, math.MaxInt64},
		{"9223372036854775807", 0, math.MaxInt64},
		{"922337203685477580700e-2", 0, math.MaxInt64},
		{"922337203685477.5807", 4, math.MaxInt64},
	} {
		got, ok := money.Parse(test.number, test.decimals)
		require.True(t, ok, test.number)
		require.Equal(t, test.want, got, test.number)
	}
}

func TestParseRefuses(t *testing.T) {
	for reason, numbers := range map[string][]string{
		"not in the grammar": {
			"", "-", "+1", ".5", "5.", "1.e2", "1e", "1e+", "1e1.5", "1ee1", "01", "-01", "00", "0x10", "1_000", "1,5", " 1", "1 ", "1\n",
			"NaN", "Infinity", "-Infinity", "١", "1e٢", "1.2.3", "--1", "€5", "1\x00",
		},
		"not whole minor units": {
			"0.001", "12.345", "1e-3", "1e-999999999", "1e-99999999999999999999999999", "0.01000000000000000000001", "123456789012345678901e-4",
			"1" + strings.Repeat("0", 1000) + "e-1003",
		},
		"below zero": {"-0.01", "-1", "-1e-2", "-0.0000000000000000000000000000000000001", "-9223372036854775808"},
		"above int64": {"92233720368547758.08", "1e17", "1e999999999", "1e99999999999999999999999999", "123456789012345678901", "184467440737095516.15",
			"1e18", "100000000000000000001", "36893488147419103239"}, // beyond what a digit more has room for
	} {
		for _, number := range numbers {
			got, ok := money.Parse(number, 2)
			require.False(t, ok, "%s: %q was read as %d", reason, number, got)
		}
	}
}

var numberGrammar = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// parseBig is Parse by the arbitrary precision of math/big, which works in proportion to the exponent.
func parseBig(number string, decimals int) (int64, bool) {
	if !numberGrammar.MatchString(number) {
		return 0, false
	}
	value, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, false
	}
	value.Mul(value, new(big.Rat).SetInt(power(decimals)))
	return value.Num().Int64(), value.IsInt() && value.Sign() >= 0 && value.Num().IsInt64()
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func TestParseAgreesWithMathBig(t *testing.T) {
	number := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?`),
		rapid.StringMatching(`[0-9]{1,16}(\.[0-9]{1,2}0{0,30})?`),
		rapid.StringMatching(`92233720368547758(\.0[0-9]|[0-9]{2}e-2|[0-9]{4}e-4)`),
		rapid.StringMatching(`[1-9]0{0,40}e-[0-9]{1,2}`),
		rapid.StringMatching(`[-+.eE0-9]{0,12}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := number.Draw(t, "number")
		decimals := rapid.IntRange(0, 4).Draw(t, "decimals")
		want, wantOK := parseBig(s, decimals)
		got, ok := money.Parse(s, decimals)
		require.Equal(t, wantOK, ok, "%q with %d decimals", s, decimals)
		if ok {
			require.Equal(t, want, got, "%q with %d decimals", s, decimals)
		}
	})
}

// A few bytes must not buy an attacker time or memory.
func TestParseDoesNotWorkByTheExponent(t *testing.T) {
	for _, number := range []string{"1e999999999", "1e-999999999", "0e999999999", "-0e-999999999", "1e999999999999999999999999"} {
		start := time.Now()
		require.Zero(t, testing.AllocsPerRun(100, func() { money.Parse(number, 2) }), number)
		require.Less(t, time.Since(start), 15*time.Second, number) // a billion steps a hundred times take longer
	}
}

func TestAppend(t *testing.T) {
	for _, test := range []struct {
		minor    int64
		decimals int
		want     string
	}{
		{0, 2, "0.00"},
		{5, 2, "0.05"},
		{51240, 2, "512.40"},
		{100, 2, "1.00"},
		{0, 0, "0"},
		{1234, 0, "1234"},
		{1, 3, "0.001"},
		{12345, 3, "12.345"},
		{1, 4, "0.0001"},
		{math.MaxInt64, 2, "92233720368547758.07"},
		{-5, 2, "-0.05"},
		{math.MinInt64, 2, "-92233720368547758.08"},
		{math.MinInt64, 0, "-9223372036854775808"},
	} {
		require.Equal(t, "EUR "+test.want, string(money.Append([]byte("EUR "), test.minor, test.decimals)))
	}
}

func TestWhatIsAppendedIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minor := rapid.Int64Min(0).Draw(t, "minor")
		decimals := rapid.IntRange(0, 4).Draw(t, "decimals")
		text := string(money.Append(nil, minor, decimals))
		got, ok := money.Parse(text, decimals)
		require.True(t, ok, text)
		require.Equal(t, minor, got, text)
		_, fraction, _ := strings.Cut(text, ".")
		require.Len(t, fraction, decimals, text)
	})
}

func TestAddSaturatingAtTheEnds(t *testing.T) {
	require.Equal(t, int64(math.MaxInt64), money.AddSaturating(math.MaxInt64, math.MaxInt64))
	require.Equal(t, int64(math.MinInt64), money.AddSaturating(math.MinInt64, math.MinInt64), "their sum wraps to 0")
}

func TestAddSaturating(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1}))
		a, b := value.Draw(t, "a"), value.Draw(t, "b")
		exact := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		want := int64(math.MaxInt64)
		if exact.Sign() < 0 {
			want = math.MinInt64
		}
		if exact.IsInt64() {
			want = exact.Int64()
		}
		require.Equal(t, want, money.AddSaturating(a, b), strconv.FormatInt(a, 10)+" + "+strconv.FormatInt(b, 10))
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := money.Parse("512.40", 2); !ok {
			b.Fatal("not read")
		}
	}
}
