package verify_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/profile"
)

// With little memory the customers of a shard are taken a slice at a time, and the
// log is read for each: what comes out is the same.
func TestLittleMemoryComesToTheSame(t *testing.T) {
	w := newWorld(t)
	lines := append(shopLines(t, 1500), story()...)
	w.feed(lines...)
	w.replay(at(t, "2026-09-01T00:00:00Z"))
	var fetches atomic.Int64
	w.servers.Kafka().ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.servers.Kafka().KeepControl()
		fetches.Add(1)
		return nil, nil, false
	})
	run := func(isReplay bool, bytes int64) (*verify.Report, int64) {
		o := w.options()
		o.Replay, o.MemoryBytes, o.Keep = isReplay, bytes*int64(runtime.GOMAXPROCS(0)), 1000
		before := fetches.Load()
		r, err := verify.Run(t.Context(), o)
		require.NoError(t, err)
		r.Seconds = 0
		return r, fetches.Load() - before
	}
	for _, isReplay := range []bool{true, false} {
		whole, once := run(isReplay, 1<<30)
		requireClean(t, whole)
		require.EqualValues(t, len(lines), whole.Records.Consumed)
		sliced, often := run(isReplay, 20_000)
		require.Greater(t, often, 2*once, "there were slices")
		require.Equal(t, whole, sliced)
	}
	for _, id := range neighbours(2) {
		w.edit(id, func(p *profile.Profile) { p.LastSeen++ })
	}
	whole, _ := run(true, 1<<30)
	sliced, _ := run(true, 20_000)
	require.Len(t, whole.First, 2)
	require.ElementsMatch(t, whole.First, sliced.First)
}
