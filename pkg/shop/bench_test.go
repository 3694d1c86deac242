package shop

import (
	"strconv"
	"testing"
)

func BenchmarkNext(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(strconv.Itoa(n)+"_customers", func(b *testing.B) {
			o := Default()
			o.Customers = n
			o.To = lastInstant // long enough for any number of iterations
			s, err := New(o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.Next(); !ok {
					b.Fatal("the shop closed")
				}
			}
		})
	}
}
