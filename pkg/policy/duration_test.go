package policy_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/policy"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]policy.Duration{
		"365d":                  365 * policy.Day,
		"36h":                   36 * policy.Hour,
		"90m":                   90 * policy.Minute,
		"30s":                   30 * policy.Second,
		"250ms":                 250,
		"0d":                    0,
		"0ms":                   0,
		"007d":                  7 * policy.Day,
		"9223372036854775807ms": math.MaxInt64,
		"106751991167d":         106751991167 * policy.Day,
	} {
		got, err := policy.ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseDurationRefuses(t *testing.T) {
	const shape = "is not a whole number with one unit, such as 365d, 36h, 90m, 30s or 250ms"
	for text, want := range map[string]string{
		"":                       shape,
		"d":                      shape,
		"90":                     shape,
		"0":                      shape,
		"-1d":                    shape,
		"+1d":                    shape,
		"1.5h":                   shape,
		"1h30m":                  shape,
		"1 d":                    shape,
		" 1d":                    shape,
		"1D":                     shape,
		"1w":                     shape,
		"1us":                    shape,
		"1sm":                    shape,
		"1mss":                   shape,
		"1_0d":                   shape,
		"0x1d":                   shape,
		"9223372036854775808ms":  "is too long",
		"106751991168d":          "is too long",
		"99999999999999999999ms": "is too long",
	} {
		_, err := policy.ParseDuration(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func TestDurationPrintsTheLargestUnitThatDivides(t *testing.T) {
	for text, want := range map[string]string{
		"2160h": "90d", "36h": "36h", "5400s": "90m", "90m": "90m", "1000ms": "1s", "1500ms": "1500ms", "0s": "0d", "86400000ms": "1d",
	} {
		d, err := policy.ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d.String(), text)
	}
	require.Equal(t, "-90d", (-90 * policy.Day).String())
}

func TestDurationIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]policy.Duration{1, policy.Second, policy.Minute, policy.Hour, policy.Day}).Draw(t, "unit")
		d := unit * policy.Duration(rapid.Int64Range(0, int64(math.MaxInt64/unit)).Draw(t, "count"))
		parsed, err := policy.ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, d, parsed)
	})
}

func TestDurationInYAML(t *testing.T) {
	var document struct{ Wait policy.Duration }
	require.NoError(t, yaml.Unmarshal([]byte("wait: 2160h"), &document))
	require.Equal(t, 90*policy.Day, document.Wait)
	text, err := yaml.Marshal(document)
	require.NoError(t, err)
	require.Equal(t, "wait: 90d\n", string(text))
	require.ErrorContains(t, yaml.Unmarshal([]byte("\nwait: soon"), &document), `line 2: "soon" is not a whole number with one unit`)
}
