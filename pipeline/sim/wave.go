package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tidemark/tidemark/pipeline/sink"
)

// wave sends one click of each of very many customers, all at one moment. Their
// deadlines come at one moment, too, while everybody else goes on.
func (a *author) wave() {
	byShard := make([]parcel, a.s.Partitions)
	for i := range a.s.Wave {
		d := draft{customer: fmt.Sprintf("wave-%d", i), occurred: a.wall, when: clock(a.wall)}
		d.fact = fact{kind: "click", id: fmt.Sprintf("w-%d", i), at: a.wall}
		a.w.customers = append(a.w.customers, d.customer)
		p := &byShard[a.parts.Partition(d.customer, a.s.Partitions)]
		p.records = append(p.records, sink.Record{Key: []byte(d.customer), Value: d.json(a.more), Time: a.wall})
		p.meant = append(p.meant, meaning{customer: d.customer, fact: d.fact, occurred: d.occurred, forwarded: none})
	}
	for shard, p := range byShard {
		if len(p.records) > 0 {
			p.tick, p.wall, p.topic, p.partition = a.tick, a.wall, topicClicks, int32(shard)
			a.w.parcels = append(a.w.parcels, p)
		}
	}
	a.advance(a.more.Int64N(1 + int64(a.s.Policy.Lifecycle.EngagedWithin)))
}

// elsewhere writes an instant as a clock far away shows it, and more exactly
// than anybody asked.
func elsewhere(rng *rand.Rand, ms int64) string {
	minutes := oneOf(rng, 60, 120, -300, -240, 345, 840, -720)
	at := time.UnixMilli(ms).In(time.FixedZone("", minutes*60))
	return at.Format("2006-01-02T15:04:05.000") + oneOf(rng, "", "9", "999999") + at.Format("-07:00")
}
