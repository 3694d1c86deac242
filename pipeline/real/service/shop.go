package service

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
)

// Mix says how a shop's events are.
type Mix struct {
	Seed       uint64
	Customers  int
	Even       bool          // all customers are as busy, else by Zipf
	Late       float64       // share of events dated back
	Lateness   time.Duration // by so much at most
	Twice      float64       // share of records that are older ones again
	Hot        float64       // share of events of one customer
	Ahead      float64       // share of events dated ahead: by minutes, by a day, by thousands of years
	Broken     float64       // share of records that are no events
	Kept       bool          // nobody asks to be forgotten
	Unreturned bool          // nobody wants money back
}

// Usual is the mix of a shop where nothing is out of the ordinary: busy customers
// and quiet ones, some events late, some records broken.
func Usual(seed uint64) Mix {
	return Mix{Seed: seed, Customers: 20_000, Late: 0.05, Lateness: time.Minute, Broken: 0.005}
}

// Shop trades with a service: it writes events of now to its inputs, by a client
// of another making than the engine's, which tries again until Kafka has them.
type Shop struct {
	Shift time.Duration // of the shop's clock

	service *Service
	mix     Mix
	client  *kgo.Client
	chance  *rand.Rand
	people  *rand.Zipf
	drawn   int           // events
	again   []*kgo.Record // what is written a second time: as likely from long ago as from just now

	mu      sync.Mutex
	written int64
	err     error // of the first record that could not be written
}

const (
	zipfExponent = 1.1
	zipfOffset   = 50 // the busiest customer has a hundredth of the events, not a tenth
)

// Open opens a shop.
func (s *Service) Open(mix Mix) (*Shop, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return nil, fmt.Errorf("opening a shop: %w", err)
	}
	chance := rand.New(rand.NewPCG(mix.Seed, 1))
	return &Shop{service: s, mix: mix, client: client, chance: chance, people: rand.NewZipf(chance, zipfExponent, zipfOffset, uint64(mix.Customers-1))}, nil
}

// Close gives up what is not written yet.
func (p *Shop) Close() { p.client.Close() }

// Trade writes so many events of now.
func (p *Shop) Trade(ctx context.Context, events int) {
	for range events {
		p.event(ctx, time.Now().Add(p.Shift))
	}
}

// Past writes so many events dated one after the other over the time before now.
func (p *Shop) Past(ctx context.Context, events int, span time.Duration) {
	from := time.Now().Add(p.Shift - span)
	for i := range events {
		p.event(ctx, from.Add(span*time.Duration(i)/time.Duration(events)))
	}
}

// Flush waits until everything is written.
func (p *Shop) Flush(ctx context.Context) error {
	err := p.client.Flush(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		err = p.err
	}
	if err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	return nil
}

// Written is how many records were given to Kafka, or are about to be.
func (p *Shop) Written() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written
}

// Visit writes a click of one customer, now.
func (p *Shop) Visit(ctx context.Context, customer string) {
	value := fmt.Appendf(nil, `{"id":"v-%s-%d","customer_id":%q,"type":"click"}`, customer, time.Now().UnixNano(), customer)
	p.Write(ctx, p.service.Clicks, customer, value)
}

// Write writes a record to the partition that the customer belongs to.
func (p *Shop) Write(ctx context.Context, topic, customer string, value []byte) {
	p.send(ctx, &kgo.Record{Topic: topic, Partition: partition.Murmur2.Partition(customer, p.service.Shards), Key: []byte(customer), Value: value})
}

func (p *Shop) send(ctx context.Context, r *kgo.Record) {
	p.mu.Lock()
	p.written++
	p.mu.Unlock()
	p.client.Produce(ctx, r, func(_ *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.err == nil {
			p.err = err
		}
	})
}

// event writes one event of somebody.
func (p *Shop) event(ctx context.Context, at time.Time) {
	if len(p.again) > 0 && p.chance.Float64() < p.mix.Twice {
		r := p.again[p.chance.IntN(len(p.again))]
		p.send(ctx, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value})
		return
	}
	p.drawn++
	customer := p.customer()
	if p.chance.Float64() < p.mix.Late {
		at = at.Add(-time.Duration(p.chance.Int64N(int64(p.mix.Lateness))))
	}
	if p.chance.Float64() < p.mix.Ahead {
		at = [...]time.Time{at.Add(5 * time.Minute), at.Add(24 * time.Hour), endOfDays}[p.chance.IntN(3)]
	}
	r := &kgo.Record{Topic: p.service.Clicks, Partition: partition.Murmur2.Partition(customer, p.service.Shards), Key: []byte(customer)}
	head := fmt.Appendf(make([]byte, 0, 160), `{"id":"e-%d-%d","customer_id":%q,"occurred_at":"%s",`, p.mix.Seed, p.drawn, customer, instant.Format(at.UnixMilli()))
	order := func() []byte { return fmt.Appendf(head, `"order_id":"o-%s-%d",`, customer, p.chance.IntN(50)) }
	switch n := p.chance.Float64(); {
	case n < p.mix.Broken:
		r.Value = head // cut short
	case n < 0.3:
		r.Topic, r.Value = p.service.Purchases, fmt.Appendf(order(), `"type":"purchase","amount":"%d.%02d"}`, p.chance.IntN(200), p.chance.IntN(100))
	case n < 0.33 && !p.mix.Unreturned:
		r.Topic, r.Value = p.service.Purchases, fmt.Appendf(order(), `"type":"refund","amount":"%d"}`, p.chance.IntN(100))
	case n >= 0.33 && n < 0.332 && !p.mix.Kept:
		r.Topic, r.Value = p.service.Purchases, append(head, `"type":"forget"}`...)
	default:
		r.Value = append(head, `"type":"click","action":"view"}`...)
	}
	p.remember(r)
	p.send(ctx, r)
}

// endOfDays is as late as an event can be dated.
var endOfDays = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

func (p *Shop) customer() string {
	switch {
	case p.mix.Hot > 0 && p.chance.Float64() < p.mix.Hot:
		return "c-hot"
	case p.mix.Even:
		return fmt.Sprintf("c-%d", p.chance.IntN(p.mix.Customers))
	default:
		return fmt.Sprintf("c-%d", p.people.Uint64())
	}
}

// remember keeps some of what was written, to be written again.
func (p *Shop) remember(r *kgo.Record) {
	const most = 10_000
	switch {
	case p.mix.Twice == 0:
	case len(p.again) < most:
		p.again = append(p.again, r)
	default:
		if slot := p.chance.IntN(p.drawn); slot < most {
			p.again[slot] = r
		}
	}
}
