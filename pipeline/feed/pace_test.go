package feed

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestThePaceIsExact(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		total int64
		works time.Duration // what each batch takes
	}{
		{rate: 20_000, total: 100_000, works: 0},
		{rate: 20_000, total: 100_000, works: 30 * time.Millisecond},
		{rate: 3, total: 30, works: time.Millisecond},
		{rate: 0.5, total: 4, works: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			pace, done, batches := NewPace(c.rate), int64(0), 0
			for done < c.total {
				n, err := pace.Due(t.Context(), done, 1<<20)
				require.NoError(t, err)
				require.Positive(t, n)
				elapsed := time.Since(pace.began).Seconds()
				require.LessOrEqual(t, float64(done)+float64(n), elapsed*c.rate, "none is early")
				require.Greater(t, float64(done)+float64(n)+1, elapsed*c.rate, "all that are due go")
				done += int64(n)
				batches++
				time.Sleep(c.works)
			}
			seconds := (time.Since(pace.began) - c.works).Seconds()
			require.InDelta(t, float64(c.total)/c.rate, seconds, 0.06)
			require.LessOrEqual(t, batches, int(seconds/tick.Seconds())+1, "it does not spin")
		})
	}
}

func TestThePaceKeepsToALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := NewPace(1000)
		time.Sleep(time.Second)
		n, err := pace.Due(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Equal(t, 10, n)
		began := time.Now()
		n, err = pace.Due(t.Context(), 10, 10_000)
		require.NoError(t, err)
		require.Equal(t, 990, n, "what was missed is due at once")
		require.Zero(t, time.Since(began))

		n, err = NewPace(0).Due(t.Context(), 5, 10)
		require.NoError(t, err)
		require.Equal(t, 10, n, "no rate, no wait")

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = NewPace(0.001).Due(ctx, 0, 10)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
