package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryRowCanBeRun(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range matrix {
		require.False(t, seen[r.name], "two rows are called %s", r.name)
		seen[r.name] = true
		require.NotEmpty(t, r.fault, r.name)
		require.NotEqual(t, r.apply == nil, r.whole == nil, "%s: either the harm or the whole row", r.name)
		if !r.byHand {
			require.Positive(t, r.full, r.name)
			require.Positive(t, r.reduced, r.name)
			require.LessOrEqual(t, r.reduced, r.full, r.name)
		}
	}
}

func TestRowsAreChosenByName(t *testing.T) {
	all, err := choose("")
	require.NoError(t, err)
	for i, r := range all {
		require.False(t, r.byHand, "%s is run where it is asked for only", r.name)
		require.True(t, i == 0 || all[i-1].brokers <= r.brokers, "%s: Kafka is started once for each number of brokers", r.name)
	}
	some, err := choose("soak,kill-random")
	require.NoError(t, err)
	require.Len(t, some, 2)
	_, err = choose("kill-random,kill-rondom")
	require.ErrorContains(t, err, "no such row")
}

func TestTrend(t *testing.T) {
	var rising, level []sample
	for i := range 61 {
		at := time.Duration(i) * time.Minute
		rising = append(rising, sample{at: at, values: [6]float64{float64(i) / 6}})
		level = append(level, sample{at: at, values: [6]float64{100 + float64(i%2)}})
	}
	slope, deviation, mean := trend(rising, 0)
	require.InDelta(t, 10, slope, 1e-9, "a sixth a minute is ten an hour")
	require.InDelta(t, 0, deviation, 1e-9)
	require.InDelta(t, 5, mean, 1e-9)
	require.False(t, flat(slope, deviation, mean))
	slope, deviation, mean = trend(level, 0)
	require.Less(t, slope, 2*deviation, "noise is no slope")
	require.True(t, flat(slope, deviation, mean))
	require.Positive(t, deviation)
}

func TestMinutes(t *testing.T) {
	at := func(seconds int, value float64) sample {
		return sample{at: time.Duration(seconds) * time.Second, values: [6]float64{value}}
	}
	means := minutes([]sample{at(5, 1), at(35, 3), at(65, 7), at(300, 4), at(320, 6)})
	require.Equal(t, []sample{at(20, 2), at(65, 7), at(310, 5)}, means)
	require.Empty(t, minutes(nil))
}

func TestReport(t *testing.T) {
	var r report
	r.add(&field{row: row{name: "good", fault: "a fault"}, runs: 3, dose: 3, recovered: []time.Duration{time.Second, 3 * time.Second, 2 * time.Second}}, time.Minute, nil)
	require.Equal(t, "| a fault | 3 | 3 | 0 | 0 | 0 | 0 | 2.0 | 3.0 |  | 60 |\n", r.Rows[0].line())
	require.NoError(t, r.verdict())
	f := &field{row: row{name: "bad", fault: "another"}, runs: 1, dose: 1}
	f.account.Lost = 2
	r.add(f, time.Second, errors.New("it was lost"))
	require.ErrorContains(t, r.verdict(), "bad")
	require.Contains(t, r.totals(), "2 rows, 4 faults, 0 events, 0 changes, 61 s: 2 lost, 0 doubled, 0 contradictory; 1 rows failed")
}
