package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestALogIsTheSameEveryTime(t *testing.T) {
	for i := range workloads {
		w := &workloads[i]
		const events = 2000
		one, other := w.shop.open(), w.shop.open()
		decoder, err := event.NewDecoder(policy.Default())
		require.NoError(t, err)
		var bytes, purchases int
		var last time.Time
		for range events {
			purchase, customer, value, at := one.past(events)
			again, sameCustomer, sameValue, sameAt := other.past(events)
			require.Equal(t, []any{purchase, string(customer), string(value), at}, []any{again, string(sameCustomer), string(sameValue), sameAt})
			require.True(t, at.After(last))
			last = at

			var ev event.Event
			require.Equal(t, event.OK, decoder.Decode(value, event.Record{Timestamp: at.UnixMilli(), Latest: instant.None}, &ev), "%s", value)
			require.Equal(t, string(customer), ev.Customer)
			require.Equal(t, at.UnixMilli(), ev.Time)
			require.Equal(t, purchase, ev.Type == event.Purchase)
			bytes += len(value)
			if purchase {
				purchases++
			}
		}
		require.InDelta(t, 220, bytes/events, 15, w.name)
		require.InDelta(t, w.shop.purchases, float64(purchases)/events, 0.05, w.name)
	}
}

func TestQuantilesAreOfTheSlowest(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(1000-i)*time.Millisecond)
	}
	q, err := quantilesOf(all)
	require.NoError(t, err)
	require.Equal(t, quantiles{N: 1000, P50: 501, P99: 991, P999: 1000, Max: 1000}, q)
	_, err = quantilesOf(nil)
	require.ErrorIs(t, err, errNothing)
}

func TestMetricsAreAddedUpOverLabels(t *testing.T) {
	const text = `# TYPE records_total counter
records_total{topic="a"} 3
records_total{topic="b"} 4
# TYPE size histogram
size_bucket{le="1"} 1
size_bucket{le="+Inf"} 2
size_sum 10
size_count 2
# TYPE memory gauge
memory 7
`
	s, err := parse(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, sample{"records_total": 7, "size_sum": 10, "size_count": 2, "memory": 7}, s)
	require.Equal(t, 5., s.mean("size"))
	require.Equal(t, sample{"records_total": 6, "size_sum": 10, "size_count": 2, "memory": 7}, s.minus(sample{"records_total": 1}))
}

func TestWhenAnEventWasProducedIsReadOutOfItsChange(t *testing.T) {
	at, ok := stamp([]byte(`{"id":"x","cause":{"kind":"event","event_id":"t1700000000123456-000000007","event_type":"click"}}`), causeMark)
	require.True(t, ok)
	require.Equal(t, int64(1700000000123456), at.UnixMicro())
	_, ok = stamp([]byte(`{"id":"x","cause":{"kind":"timer"}}`), causeMark)
	require.False(t, ok)
}

func TestTheReportHasARowForEverything(t *testing.T) {
	r := report{
		Ceiling:    &ceiling{Records: 1000, PerSecond: 2_000_000, CPU: 0.001},
		Throughput: []throughput{{Name: "zipf", What: "a log", Events: 1000, PerSecond: 500_000, Changes: 50}},
		Latency:    []latency{{Rate: 5000, quantiles: quantiles{P50: 1.234, P99: 20}}},
		Timers:     &timers{Due: 100_000},
		Reads:      &reads{Rate: readRate},
		Memory:     &memory{Customers: 100_000, Total: 399.6},
		Peers:      []peer{{Engine: "Tidemark", Round: 2, PerSecond: 1}},
		PeerDelays: []peerDelay{{Engine: "Tidemark", Text: "p50=1"}},
	}
	text := r.markdown()
	for _, row := range []string{
		"| 1,000 events | 2,000,000 | 1.00 |", "| **zipf**: 1,000 events, a log | 500,000 | 25 % |", "| event to change at 5,000 events/s | 1.23 | 20 |",
		"100,000 due at once", "| client.Get at 20,000/s |", "| 100,000 customers | 400 |", "| Tidemark | 2 | 1 |", "| Tidemark | p50=1 |",
	} {
		require.Contains(t, text, row)
	}
	columns := 0
	for line := range strings.Lines(text) {
		n := strings.Count(line, "|")
		if n > 0 && columns > 0 {
			require.Equal(t, columns, n, line)
		}
		columns = n
	}
}
