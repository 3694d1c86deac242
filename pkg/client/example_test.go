package client_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/segment"
)

func ExampleClient_Get() {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		panic(err)
	}
	defer server.Close()
	// What a worker has stored.
	server.HSet("tm:shop:namespace", "partitions", "12")
	server.HSet("tm:shop:{0}:shard", "partitions", "12", "clock", "1772359200000")
	_ = server.Set("tm:shop:{0}:c:c-42", `{"lifecycle":"loyal","since":"2026-02-14T09:30:00.000Z","version":3,"next":"edge","next_at":"2026-05-15T09:30:00.000Z"}`+"\n…")

	r := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = r.Close() }()
	segments := client.New(r, "shop")
	customer, err := segments.Get(context.Background(), "c-42")
	if err != nil {
		panic(err)
	}
	if customer.Segment == segment.Loyal {
		fmt.Println("a coffee for", customer.ID, "before", customer.NextAt.Format("2 January"))
	}
	fmt.Println("as of", customer.AsOf.Format("2 January 2006 15:04"))
	// Output:
	// a coffee for c-42 before 15 May
	// as of 1 March 2026 10:00
}
