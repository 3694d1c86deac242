package pipeline

import (
	"fmt"
	"testing"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/instant"
)

// BenchmarkShard is a whole shard over a store in memory: batches of events in,
// commits and changes out; 3 events per customer and batch, about ten orders each and
// one change in 15 events over a million events. ns/op and allocs/op are per event.
func BenchmarkShard(b *testing.B) {
	const customers, perBatch = 1 << 15, 512
	world := newBench(b, func(c *ShardConfig) {
		c.Limits.BatchRecords = 3 * 4000
		c.Limits.FetchBytes = 2 << 20
		c.Limits.CacheBytes = 256 << 20
	})
	world.keep = false
	begin := ms(b, "2026-01-01T00:00:00Z")
	b.ReportAllocs()
	var builder recordbatch.Builder
	raw := map[string][]byte{}
	values := map[string][][]byte{}
	n := 0
	for n < b.N {
		for _, topic := range world.inputs {
			values[topic] = values[topic][:0]
		}
		for i := 0; i < perBatch && n < b.N; i++ {
			// Each round of 4,000 customers comes three times: clicks, and a purchase.
			c := (n / 12000 * 4000 % customers) + n%4000
			at := instant.Format(begin + int64(n)*50)
			if n%3 == 0 {
				values["purchases"] = append(values["purchases"], fmt.Appendf(nil,
					`{"id":"e-%09d","type":"purchase","customer_id":"c-%06d","occurred_at":"%s","order_id":"o-%09d","amount":"%d.50","currency":"EUR","properties":{"channel":"web","sku":"A-%d"}}`,
					n, c, at, n, n%90+1, n%1000))
			} else {
				values["clicks"] = append(values["clicks"], fmt.Appendf(nil,
					`{"id":"e-%09d","type":"click","customer_id":"c-%06d","occurred_at":"%s","action":"view","properties":{"page":"/p/%d","referrer":"mail"}}`,
					n, c, at, n%1000))
			}
			n++
		}
		for _, topic := range world.inputs {
			builder.Start(raw[topic], recordbatch.Options{BaseOffset: world.ends[topic]})
			for _, v := range values[topic] {
				builder.Add(begin+int64(n)*50, nil, v, nil)
			}
			if len(values[topic]) > 0 {
				raw[topic], _ = builder.Finish()
			}
			world.ends[topic] += int64(len(values[topic]))
		}
	}
	world.logs = raw
	b.ResetTimer()
	world.run()
	b.StopTimer()
	if !world.shard.Finished() {
		b.Fatal("the shard did not come to the end of its inputs")
	}
	b.ReportMetric(float64(world.state.Changes)/float64(b.N), "changes/event")
	b.ReportMetric(float64(b.N)/float64(max(world.ops[OpCommit], 1)), "events/commit")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
