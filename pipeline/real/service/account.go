package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/store"
)

// Account is what a plain reader of the topics finds, and what does not agree
// with itself or with the shards' own counters.
type Account struct {
	Records int64 `json:"records"` // in the inputs
	Letters int64 `json:"letters"` // records in the dead letters, each once
	Changes int64 `json:"changes"` // each once
	Repeats int64 `json:"repeats"` // changes that were published again, byte by byte

	Lost          int64    `json:"lost"`          // versions left out; records that nobody accounts for
	Doubled       int64    `json:"doubled"`       // records that were counted twice
	Contradictory int64    `json:"contradictory"` // ids with two values, versions with two contents, chains that break
	First         []string `json:"first"`         // what was found first
}

// Good reports that everything agrees.
func (a *Account) Good() bool { return a.Lost == 0 && a.Doubled == 0 && a.Contradictory == 0 }

const maxTold = 20

func (a *Account) find(counter *int64, n int64, format string, args ...any) {
	*counter += n
	if len(a.First) < maxTold {
		a.First = append(a.First, fmt.Sprintf(format, args...))
	}
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// Account reads every topic of the service from its beginning to its end.
func (s *Service) Account(ctx context.Context) (*Account, error) {
	states, err := s.States(ctx)
	if err != nil {
		return nil, err
	}
	a := &Account{First: []string{}}
	told := chronicle{account: a, people: map[string]*person{}}
	next := map[place]int64{}
	for shard := range states {
		for _, t := range states[shard].Topics {
			next[place{t.Name, int32(shard)}] = t.Next
		}
	}
	letters := map[place]map[int64]uint64{}
	err = Read(ctx, s.Kafka, []string{s.Letters}, func(r *kgo.Record) error {
		from, offset, err := origin(r)
		if err != nil || offset >= next[from] {
			return err // written before a crash, and to be written again
		}
		if letters[from] == nil {
			letters[from] = map[int64]uint64{}
		}
		letters[from][offset] = content(r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters of service %s: %w", s.Name, err)
	}
	records := map[place]int64{}
	err = Read(ctx, s.Kafka, []string{s.Purchases, s.Clicks, s.Changes}, func(r *kgo.Record) error {
		if r.Topic == s.Changes {
			return told.add(r)
		}
		at := place{r.Topic, r.Partition}
		if letter, dead := letters[at][r.Offset]; dead && letter != content(r) {
			a.find(&a.Contradictory, 1, "%s/%d: the dead letter of offset %d is not what was rejected", r.Topic, r.Partition, r.Offset)
		}
		if a.Records++; r.Offset < next[at] {
			records[at]++
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the topics of service %s: %w", s.Name, err)
	}
	for shard := range states {
		for i := range states[shard].Topics {
			t := &states[shard].Topics[i]
			at := place{t.Name, int32(shard)}
			a.Letters += int64(len(letters[at]))
			a.compare(at, &t.Counts, records[at], int64(len(letters[at])))
		}
	}
	return a, nil
}

// compare holds the counters of one partition against what a reader counted.
func (a *Account) compare(at place, c *store.Counts, records, letters int64) {
	var dead int64
	for _, n := range c.Dead {
		dead += n
	}
	differ := func(what string, is, should int64) {
		if is < should {
			a.find(&a.Lost, should-is, "%s/%d: %d %s, not %d", at.topic, at.partition, is, what, should)
		}
		if is > should {
			a.find(&a.Doubled, is-should, "%s/%d: %d %s, not %d", at.topic, at.partition, is, what, should)
		}
	}
	differ("records counted as consumed", c.Consumed, records)
	differ("records accounted for", c.Applied+c.Erased+c.BelowFloor+c.Stale+dead, c.Consumed)
	differ("distinct dead letters", letters, dead)
}

// chronicle is what was told of every customer so far.
type chronicle struct {
	account *Account
	people  map[string]*person
}

// person is one customer's changes.
type person struct {
	ids []string // by version
	to  *string  // where the last one led
}

// add takes the next change of a partition.
func (c *chronicle) add(r *kgo.Record) error {
	var change struct {
		ID       string
		Customer string `json:"customer_id"`
		Version  int
		From, To *string
	}
	if err := json.Unmarshal(r.Value, &change); err != nil {
		return fmt.Errorf("change at %s/%d/%d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	a := c.account
	if change.ID != identity(r.Value) {
		a.find(&a.Contradictory, 1, "customer %s: id %s is not that of its value", change.Customer, change.ID)
	}
	p := c.people[change.Customer]
	if p == nil {
		p = &person{}
		c.people[change.Customer] = p
	}
	if change.Version < 1 || change.Version > len(p.ids)+1 {
		a.find(&a.Lost, int64(max(change.Version-len(p.ids)-1, 1)), "customer %s: version %d follows %d", change.Customer, change.Version, len(p.ids))
		p.ids = append(p.ids, make([]string, max(change.Version-1-len(p.ids), 0))...)
		p.to = change.From
	}
	if v := change.Version; v <= len(p.ids) && v > 0 {
		if p.ids[v-1] == change.ID {
			a.Repeats++
			return nil
		}
		if v > 1 || p.to != nil || change.From != nil { // of a customer whose tombstone has ended versions begin again
			a.find(&a.Contradictory, 1, "customer %s: version %d is %s, and was %s", change.Customer, v, change.ID, p.ids[v-1])
			return nil
		}
		p.ids = nil
	}
	if !same(p.to, change.From) {
		a.find(&a.Contradictory, 1, "customer %s: version %d begins at %s, not %s", change.Customer, change.Version, name(change.From), name(p.to))
	}
	p.ids, p.to = append(p.ids, change.ID), change.To
	a.Changes++
	return nil
}

// identity is the id that a change must have: the hash of the value without it.
func identity(value []byte) string {
	_, rest, _ := strings.Cut(string(value), `",`)
	sum := sha256.Sum256([]byte("{" + rest))
	return hex.EncodeToString(sum[:])[:32]
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

func name(segment *string) string {
	if segment == nil {
		return "null"
	}
	return *segment
}

// content stands for a record's key and value; null is not empty.
func content(r *kgo.Record) uint64 {
	return xxhash.Sum64String(fmt.Sprintf("%t %q %t %q", r.Key == nil, r.Key, r.Value == nil, r.Value))
}

// origin is where the record of a dead letter came from.
func origin(r *kgo.Record) (from place, offset int64, err error) {
	found := 0
	for _, h := range r.Headers {
		switch h.Key {
		case deadletter.HeaderTopic:
			from.topic = string(h.Value)
		case deadletter.HeaderPartition:
			_, err = fmt.Sscan(string(h.Value), &from.partition)
		case deadletter.HeaderOffset:
			_, err = fmt.Sscan(string(h.Value), &offset)
		default:
			continue
		}
		found++
	}
	if err == nil && found != 3 {
		err = errors.New("its headers do not say where it came from")
	}
	if err != nil {
		err = fmt.Errorf("dead letter at %d/%d: %w", r.Partition, r.Offset, err)
	}
	return from, offset, err
}

// Ends are the offsets that the next records of topics will get, by partition.
func Ends(ctx context.Context, kafka []string, topics ...string) (map[string]map[int32]int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return ends(ctx, client, topics)
}

func ends(ctx context.Context, client *kgo.Client, topics []string) (map[string]map[int32]int64, error) {
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the ends of topics: %w", err)
	}
	all := map[string]map[int32]int64{}
	for topic, partitions := range listed {
		all[topic] = map[int32]int64{}
		for partition, end := range partitions {
			all[topic][partition] = end.Offset
		}
	}
	return all, nil
}

// Read visits the records of topics, from their beginnings to the ends that they
// have now, by a client of another making than the engine's.
func Read(ctx context.Context, kafka []string, topics []string, visit func(*kgo.Record) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka...))
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := ends(ctx, client, topics)
	if err != nil {
		return err
	}
	starts, err := kadm.NewClient(client).ListStartOffsets(ctx, topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("asking for the beginnings of topics: %w", err)
	}
	wanted, left := map[string]map[int32]kgo.Offset{}, 0
	for topic, partitions := range ends {
		wanted[topic] = map[int32]kgo.Offset{}
		for partition, end := range partitions {
			if start, _ := starts.Lookup(topic, partition); start.Offset < end {
				wanted[topic][partition] = kgo.NewOffset().At(start.Offset)
				left++
			}
		}
	}
	client.AddConsumePartitions(wanted)
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for records := fetches.RecordIter(); !records.Done(); {
			r := records.Next()
			end := ends[r.Topic][r.Partition]
			if r.Offset >= end {
				continue
			}
			if err := visit(r); err != nil {
				return err
			}
			if r.Offset == end-1 {
				left--
			}
		}
	}
	return nil
}
