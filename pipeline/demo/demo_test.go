package demo

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pkg/segment"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// small is a demo that is live after a moment.
func small() Options {
	o := Default()
	o.Proof, o.History, o.Joining = 0, 120, 3
	return o
}

// consistent checks that what a demo came to adds up.
func consistent(t *testing.T, r *Result) {
	s := r.Summary
	require.Equal(t, s.Counts.Consumed, s.Counts.Applied+s.Counts.NoEffect()+s.Counts.Rejected())
	for _, seg := range replay.Segments {
		var balance int64
		for other := range s.Moves {
			balance += s.Moves[other][seg] - s.Moves[seg][other]
		}
		require.Equal(t, balance, s.Sizes[seg], seg)
	}
	if s.Counts.Consumed == 0 {
		return // it was ended before anything was done
	}
	require.NotNil(t, r.Proof)
	require.True(t, r.Proof.Good(), "%+v", r.Proof.First)
	require.Equal(t, s.Counts.Consumed, r.Proof.Records.Consumed)
	require.Equal(t, s.Changes, r.Proof.Changes)
	require.Zero(t, r.Proof.Unsent)
}

func TestADemoGoesThroughItsSteps(t *testing.T) {
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	var steps []Step
	var last Snapshot
	o := small()
	o.Show = func(s Snapshot) {
		if len(steps) == 0 || steps[len(steps)-1] != s.Step {
			steps = append(steps, s.Step)
		}
		for _, m := range s.Moves {
			require.NotEqual(t, m.From, m.To)
			require.Contains(t, []string{"purchase", "refund", "click", "timer", "forget"}, m.Cause)
		}
		if s.Step == Live && len(s.Moves) > 0 {
			enough()
		}
		last = s
	}
	result, err := Run(ctx, o)
	require.NoError(t, err)
	require.Equal(t, []Step{Starting, CatchingUp, Live, Verifying}, steps)
	require.Positive(t, last.Events)
	require.Positive(t, last.Changes)
	require.Positive(t, last.Sizes[segment.Potential])
	require.NotEmpty(t, last.RedisAddr)
	consistent(t, result)
	require.Positive(t, result.Summary.Counts.Applied)
	require.GreaterOrEqual(t, result.Summary.Changes, last.Changes, "the last ones were waited for")
}

func TestADemoEndsByTime(t *testing.T) {
	o := small()
	o.For = 300 * time.Millisecond
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.GreaterOrEqual(t, result.Summary.Elapsed, o.For)
	consistent(t, result)
}

func TestTheScreenEndsWithAKey(t *testing.T) {
	var out bytes.Buffer
	result, err := Screen(t.Context(), small(), strings.NewReader("q"), &out)
	require.NoError(t, err)
	consistent(t, result)
	require.Contains(t, out.String(), "Tidemark")
}

func TestTheScreenEndsByTime(t *testing.T) {
	o := small()
	o.For = 500 * time.Millisecond
	var out bytes.Buffer
	result, err := Screen(t.Context(), o, nil, &out)
	require.NoError(t, err)
	consistent(t, result)
	require.Contains(t, out.String(), "potential")
}

func TestTheRateIsThatOfTheLastSecond(t *testing.T) {
	var r rate
	begin := time.Unix(0, 0)
	require.Zero(t, r.of(0, begin))
	for i := range 30 {
		at := begin.Add(time.Duration(i+1) * 100 * time.Millisecond)
		require.InDelta(t, 50, r.of(int64(i+1)*5, at), 1)
	}
	require.InDelta(t, 1000, r.of(1150, begin.Add(4*time.Second)), 100, "what was before is forgotten")
}

func TestTheClockStandsUntilItIsStarted(t *testing.T) {
	c := newClock(1000, 86_400)
	require.Equal(t, int64(1000), c.now())
	require.Equal(t, int64(1000), c.read().Now)
	c.start()
	first := c.now()
	require.GreaterOrEqual(t, first, int64(1000))
	require.Eventually(t, func() bool { return c.now() > first+86_400 }, time.Minute, time.Millisecond)
}
