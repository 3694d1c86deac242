package instant_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/instant"
)

func TestFormat(t *testing.T) {
	for ms, want := range map[int64]string{
		0:               "1970-01-01T00:00:00.000Z",
		1772359200000:   "2026-03-01T10:00:00.000Z",
		951868799999:    "2000-02-29T23:59:59.999Z",
		951868800000:    "2000-03-01T00:00:00.000Z",
		4107542400000:   "2100-03-01T00:00:00.000Z",
		253402300799999: "9999-12-31T23:59:59.999Z",
		253402300800000: "10000-01-01T00:00:00.000Z",
		-1:              "1969-12-31T23:59:59.999Z",
		-62167219200000: "0000-01-01T00:00:00.000Z",
		-62167219200001: "-0001-12-31T23:59:59.999Z",
		math.MaxInt64:   "292278994-08-17T07:12:55.807Z",
		math.MinInt64:   "-292275055-05-16T16:47:04.192Z",
	} {
		require.Equal(t, want, instant.Format(ms), "%d", ms)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	require.Equal(t, `"at":1970-01-01T00:00:00.000Z`, string(instant.Append([]byte(`"at":`), 0)))
}

func TestFormatAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-62167219200000, 253402300799999).Draw(t, "ms")
		require.Equal(t, time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"), instant.Format(ms))
	})
}

func TestEveryDayIsReadBack(t *testing.T) {
	const day = 86_400_000
	for ms := int64(day - 1); ms <= 253402300799999; ms += day {
		got, ok := instant.Parse(instant.Format(ms))
		if !ok || got != ms { // three million days: require would take most of the time
			require.Equal(t, ms, got, instant.Format(ms))
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	buffer := make([]byte, 0, 64)
	require.Zero(t, testing.AllocsPerRun(100, func() { instant.Append(buffer, 1772359200123) }))
}

func BenchmarkAppend(b *testing.B) {
	buffer := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		instant.Append(buffer, 1772359200123)
	}
}

// The calendar's eras of 400 years are counted from a day in the year 0: their
// first days are where a division that rounds towards 0 goes wrong.
func TestFirstDaysOfEras(t *testing.T) {
	const era, day = 146_097, 24 * 60 * 60 * 1000
	first := time.Date(0, time.March, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for k := int64(-3); k <= 3; k++ {
		for _, ms := range []int64{first + k*era*day - 1, first + k*era*day} {
			require.Equal(t, time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"), string(instant.Append(nil, ms)))
		}
	}
}
