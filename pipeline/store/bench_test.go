package store

import (
	"fmt"
	"testing"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/keys"
)

// BenchmarkArguments lays out a commit of 1,000 customers, 100 of them with a
// timer: what a commit costs this process before the network. Per customer.
func BenchmarkArguments(b *testing.B) {
	const customers = 1000
	state := NewState([]string{"clicks", "purchases"})
	c := &Commit{Head: "a:1", State: &state, Outbox: make([]byte, 30_000)}
	value := make([]byte, 220)
	for i := range customers {
		id := fmt.Sprintf("c-%06d", i)
		c.Customers = append(c.Customers, Entry{Customer: id, Value: value})
		if i%10 == 0 {
			c.Timers = append(c.Timers, Timer{Customer: id, At: instant.None + int64(i%20)})
		}
	}
	s := &session{keys: keys.Of("shop", 3), topics: []string{"clicks", "purchases"}}
	b.ReportAllocs()
	for n := 0; n < b.N; n += customers {
		keys, args := s.arguments(c)
		if len(keys) != 3+customers || len(args) < 7+customers {
			b.Fatal("arguments are missing")
		}
	}
}
