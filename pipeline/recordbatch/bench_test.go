package recordbatch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is a batch of n records of about 220 bytes, like the events of a shop.
func sample(t testing.TB, n int, codec Codec) []byte {
	var b Builder
	b.Start(nil, Options{Codec: codec})
	for i := range n {
		key := fmt.Sprintf("c-%06d", i*7919%100000)
		value := fmt.Sprintf(`{"id":"e-%08d","type":"purchase","customer_id":"%s","occurred_at":"2026-03-01T10:%02d:%02d.123Z",`+
			`"order_id":"o-%08d","amount":"%d.%02d","currency":"EUR","properties":{"channel":"web","items":%d}}`,
			i, key, i/60%60, i%60, i, i%400, i%100, i%7)
		b.Add(1772359200000+int64(i), []byte(key), []byte(value), nil)
	}
	raw, err := b.Finish()
	require.NoError(t, err)
	return raw
}

func BenchmarkReader(b *testing.B) {
	for _, codec := range []Codec{None, LZ4, Snappy, Gzip, Zstd} {
		b.Run(map[Codec]string{None: "none", LZ4: "lz4", Snappy: "snappy", Gzip: "gzip", Zstd: "zstd"}[codec], func(b *testing.B) {
			const n = 1000
			raw := sample(b, n, codec)
			plain := len(sample(b, n, None))
			var r Reader
			var rec Record
			read := 0
			b.SetBytes(int64(plain))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(raw, 0, nil)
				for {
					ok, err := r.Next(&rec)
					if err != nil {
						b.Fatal(err)
					}
					if !ok {
						break
					}
					read++
				}
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds()/1e6, "Mrec/s")
			b.ReportMetric(float64(plain)/n, "B/rec")
		})
	}
}

func BenchmarkBuilder(b *testing.B) {
	const n = 1000
	key, value := []byte("c-123456"), make([]byte, 200)
	var bu Builder
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		bu.Start(dst[:0], Options{})
		for i := range n {
			bu.Add(1772359200000+int64(i), key, value, nil)
		}
		dst, _ = bu.Finish()
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrec/s")
}
