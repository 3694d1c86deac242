// Consume reacts to customers who change segment, once to each change.
//
//	go run ./examples/consume -brokers localhost:9092 -topic segment-changes
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

// change is as much of a change as this program needs.
type change struct {
	Customer    string  `json:"customer_id"`
	Version     int64   `json:"version"`
	From        *string `json:"from"` // nil: he is new
	To          *string `json:"to"`   // nil: he has asked to be forgotten
	EffectiveAt string  `json:"effective_at"`
}

func main() {
	log.SetFlags(0)
	brokers := flag.String("brokers", "localhost:9092", "host:port of Kafka, several with commas")
	topic := flag.String("topic", "segment-changes", "the topic of changes")
	group := flag.String("group", "example", "the consumer group")
	limit := flag.Int("n", 0, "end after so many changes; 0: go on")
	flag.Parse()

	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: strings.Split(*brokers, ","), Topic: *topic, GroupID: *group,
		StartOffset: kafka.FirstOffset, // a new group begins with everybody's first segment
		MaxWait:     500 * time.Millisecond,
	})
	err := consume(ctx, reader, *limit)
	if err = errors.Join(err, reader.Close()); err != nil {
		log.Fatal(err)
	}
}

// last is the latest change of a customer that was reacted to.
type last struct {
	version     int64
	effectiveAt string
}

// consume reacts to changes as they come.
func consume(ctx context.Context, reader *kafka.Reader, limit int) error {
	// What has to outlive this process, or to move to another one with its
	// partitions, is stored beside what the reaction changes, in one transaction.
	seen := map[string]last{}
	for done := 0; limit == 0 || done < limit; {
		message, err := reader.FetchMessage(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading changes: %w", err)
		}
		var c change
		if err := json.Unmarshal(message.Value, &c); err != nil {
			return fmt.Errorf("reading the change at offset %d of partition %d: %w", message.Offset, message.Partition, err)
		}
		if fresh(&c, seen[c.Customer]) {
			react(&c)
			seen[c.Customer] = last{c.Version, c.EffectiveAt}
			done++
		}
		if err := reader.CommitMessages(ctx, message); err != nil {
			return fmt.Errorf("committing: %w", err)
		}
	}
	return nil
}

// fresh says whether a change is none that a crash has repeated. A customer's
// versions come in order and without gaps. They begin anew with one who comes
// back long after he was forgotten.
func fresh(c *change, seen last) bool {
	return c.Version > seen.version || c.Version == 1 && c.EffectiveAt > seen.effectiveAt
}

// react would send an e-mail, raise a bid, or forget the customer too.
func react(c *change) {
	name := func(segment *string, none string) string {
		if segment == nil {
			return none
		}
		return *segment
	}
	fmt.Printf("%s %s: %s → %s (version %d)\n", c.EffectiveAt, c.Customer, name(c.From, "new"), name(c.To, "forgotten"), c.Version)
}
