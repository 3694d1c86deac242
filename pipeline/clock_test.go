package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

type fixedTime struct {
	ms  int64
	err error
}

func (f *fixedTime) Time(context.Context) (int64, error) { return f.ms, f.err }

func TestTheEarlierOfTwoClocksCounts(t *testing.T) {
	local, server := Clock{Now: 1_000_000, Tick: 5}, &fixedTime{}
	c := &sharedClock{local: func() Clock { return local }, server: server, log: zap.NewNop()}
	for _, skew := range []int64{-90_000, -1, 0, 1, 90_000} {
		server.ms = local.Now + skew
		require.NoError(t, c.measure(t.Context()))
		require.Equal(t, skew, c.skew.Load())
		require.Equal(t, local.Now+min(skew, 0), c.now().Now)
		require.Equal(t, local.Tick, c.now().Tick)
		require.Equal(t, skew == -90_000 || skew == 90_000, beyond(skew))
	}
	local.Now += 3_600_000 // a step, with no time gone by
	require.EqualValues(t, 1_090_000, c.now().Now)
	local.Tick += 500
	require.EqualValues(t, 1_090_500, c.now().Now)
	local.Now -= 3_600_000
	server.err = errors.New("away")
	require.Error(t, c.measure(t.Context()))
	require.EqualValues(t, 90_000, c.skew.Load(), "the last measure stands")
}
