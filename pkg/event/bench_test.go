package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// The sizes are those of a shop's ordinary records.
var benchmarks = []struct{ name, value string }{
	{"purchase", `{"id":"5f0c7e12-9a34-4d1b-8f5e-0a1b2c3d4e5f","type":"purchase","customer_id":"customer-0000123456",` +
		`"occurred_at":"2026-03-01T10:00:00.123Z","order_id":"order-2026-0000987654","amount":"512.40","currency":"EUR"}`},
	{"purchase_220B", `{"id":"5f0c7e12-9a34-4d1b-8f5e-0a1b2c3d4e5f","type":"purchase","customer_id":"customer-0000123456",` +
		`"occurred_at":"2026-03-01T10:00:00.123Z","order_id":"order-2026-0000987654","amount":"512.40","properties":{"sku":"a-1"}}`},
	{"click_properties", `{"id":"5f0c7e12-9a34-4d1b-8f5e-0a1b2c3d4e5f","type":"click","customer_id":"customer-0000123456",` +
		`"occurred_at":"2026-03-01T10:00:00.123Z","action":"cart_add","properties":{"url":"https://shop.example/p/1234",` +
		`"referrer":"search","position":3,"price":12.50,"tags":["new","sale"],"logged_in":true}}`},
	{"foreign_currency", `{"id":"e-1","type":"purchase","customer_id":"c-1","occurred_at":"2026-03-01T10:00:00Z","amount":12.34,"currency":"USD"}`},
	{"not_ascii", `{"id":"e-1","type":"purchase","customer_id":"Käufer-Ω-東京-1234567890","occurred_at":"2026-03-01T10:00:00Z","amount":12.34}`},
}

func BenchmarkDecode(b *testing.B) {
	p := policy.Default()
	p.Rates = map[string]string{"USD": "0.92"}
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			decoder, err := event.NewDecoder(p)
			require.NoError(b, err)
			value := []byte(bench.value)
			record := event.Record{Timestamp: 1772359200123, Partition: 0, Partitions: 1, Latest: instant.None}
			var ev event.Event
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				if reason := decoder.Decode(value, record, &ev); reason != event.OK {
					b.Fatal(reason)
				}
			}
		})
	}
}
