// Segments reads in which segment customers are.
//
//	go run ./examples/segments -redis localhost:6379 -namespace shop c-42 c-43
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/segment"
)

func main() {
	log.SetFlags(0)
	addrs := flag.String("redis", "localhost:6379", "host:port of Redis, several with commas for a cluster")
	namespace := flag.String("namespace", "shop", "the namespace")
	flag.Parse()

	// However Redis is reached is go-redis's business: TLS, users, a cluster …
	servers := strings.Split(*addrs, ",")
	r := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: servers, IsClusterMode: len(servers) > 1})
	err := show(client.New(r, *namespace), flag.Args())
	if err = errors.Join(err, r.Close()); err != nil {
		log.Fatal(err)
	}
}

// show reads all customers in one round trip.
func show(segments *client.Client, customers []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	found, err := segments.GetMany(ctx, customers)
	if err != nil {
		return err
	}
	for _, c := range found {
		switch {
		case c.Segment == segment.None:
			fmt.Printf("%s has no segment\n", c.ID)
		case c.Next == segment.None:
			fmt.Printf("%s is %s since %s\n", c.ID, c.Segment, c.Since.Format(time.RFC3339))
		default:
			fmt.Printf("%s is %s since %s, and %s from %s on if nothing happens\n", c.ID, c.Segment,
				c.Since.Format(time.RFC3339), c.Next, c.NextAt.Format(time.RFC3339))
		}
	}
	return nil
}
