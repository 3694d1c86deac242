package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/real/service"
	"github.com/tidemark/tidemark/pkg/partition"
)

func init() {
	matrix = append(matrix,
		row{name: "bad-input", fault: "malformed, bad UTF-8, deep nesting, huge numbers, null keys, 0 B to over-limit (dose: records)", full: 200_000, reduced: 3000, policy: narrow, apply: badInput},
		row{name: "future", fault: "dated in the future: +5 min, +1 d, year 9999 (dose: % of events)", full: 10, reduced: 10,
			mix: func(m *service.Mix) { m.Ahead = 0.1 }, apply: future},
		row{name: "disorder", fault: "duplicates 20 % up to 7 days apart, 10 % out of order (dose: % of events)", full: 30, reduced: 30, policy: monthly, span: 7 * 24 * time.Hour,
			mix: func(m *service.Mix) { m.Twice, m.Late, m.Lateness, m.Kept = 0.2, 0.1, 24*time.Hour, true }, configure: replaying, whole: disorder},
		row{name: "hot-customer", fault: "hot customer: 30 % of all events (dose: turns)", full: 3, reduced: 1, policy: monthly, span: 7 * 24 * time.Hour, configure: replaying, whole: hotCustomer})
}

// narrow is brisk with records limited to what a topic takes with room to spare.
const narrow = brisk + "  max_event_bytes: 100000\n"

// monthly customers move within days, as the events of a week that has passed let them.
const monthly = `policy:
  name: monthly
  window: 30d
  lifecycle: {loyal_orders: 3, active_within: 2d, churn_after: 4d, engaged_within: 1d, prospect_churn_after: 3d}
`

// replaying workers read to the ends of their inputs and leave.
func replaying(o *service.Options) { o.Clock = "event" }

// badInput writes the corpus of the decoder's fuzzer, and rubbish made of it,
// under all kinds of keys.
func badInput(ctx context.Context, f *field) error {
	seeds, err := corpus()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(f.kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	var failed error
	for i := range f.dose {
		value := seeds[i%len(seeds)]
		if i >= len(seeds) {
			value = f.spoil(slices.Clone(value))
		}
		r := &kgo.Record{Topic: f.service.Purchases, Partition: f.chance.Int32N(shards), Value: value}
		if f.chance.IntN(2) == 0 {
			r.Topic = f.service.Clicks
		}
		switch f.chance.IntN(3) {
		case 0:
			r.Key = []byte{}
		case 1:
			r.Key = []byte("somebody else")
		}
		client.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	f.runs = f.dose
	if err := errors.Join(client.Flush(ctx), failed); err != nil {
		return err
	}
	return f.recovers(ctx, time.Now())
}

var corpusBytes = regexp.MustCompile(`(?m)^\[\]byte\((".*")\)$`)

// corpus are the records that the decoder's fuzzer begins with.
func corpus() (all [][]byte, err error) {
	files, err := filepath.Glob("pkg/event/testdata/fuzz/FuzzDecode/*")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		match := corpusBytes.FindSubmatch(text)
		if match == nil {
			return nil, fmt.Errorf("reading %s: no bytes", file)
		}
		value, err := strconv.Unquote(string(match[1]))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		all = append(all, []byte(value))
	}
	if all == nil {
		return nil, errors.New("no corpus: run this from the root of the checkout")
	}
	return all, nil
}

// spoil makes something else of a record.
func (f *field) spoil(value []byte) []byte {
	at := 0
	if len(value) > 0 {
		at = f.chance.IntN(len(value))
	}
	insert := func(what string) []byte { return slices.Insert(value, at, []byte(what)...) }
	switch f.chance.IntN(9) {
	case 0:
		return nil
	case 1:
		return value[:at]
	case 2:
		return insert("\xff\xfe")
	case 3:
		return insert(strings.Repeat("[", 1+f.chance.IntN(5000)))
	case 4:
		return insert(strings.Repeat("9", 1+f.chance.IntN(400)) + "e" + strconv.Itoa(f.chance.IntN(1_000_000_000)))
	case 5:
		return insert(`"id":"x",`)
	case 6:
		return append(value, bytes.Repeat([]byte(" "), f.chance.IntN(200_000))...)
	case 7:
		return insert(`\ud800`)
	default:
		for range 1 + f.chance.IntN(4) {
			if len(value) > 0 {
				value[f.chance.IntN(len(value))] = byte(f.chance.IntN(256))
			}
		}
		return value
	}
}

// future lets some events be dated ahead all along. The time of no shard may
// follow them.
func future(ctx context.Context, f *field) error {
	f.runs++
	if err := f.pause(ctx, 5*time.Second); err != nil {
		return err
	}
	states, err := f.service.States(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	for i := range states {
		if states[i].Clock > now {
			return fmt.Errorf("the clock of shard %d is ahead of ours by %d ms", i, states[i].Clock-now)
		}
	}
	return nil
}

// finished runs workers until they have read the inputs to their ends and left.
func (f *field) finished(ctx context.Context, s *service.Service) (time.Duration, error) {
	began := time.Now()
	var all []*service.Worker
	for range fleet {
		f.started++
		w, err := s.Start(ctx, f.started, f.environment...)
		if err != nil {
			return 0, err
		}
		all = append(all, w)
		f.later(func() error { w.Kill(); return nil })
	}
	for _, w := range all {
		if err := f.endsWell(ctx, w); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// beside is another namespace, with inputs of its own or those of this one.
func (f *field) beside(ctx context.Context, name string, shared bool) (*service.Service, error) {
	o := f.service.Options
	o.Name, o.Dir = o.Name+"-"+name, filepath.Join(f.dir, name)
	s, err := service.New(o)
	if err != nil {
		return nil, err
	}
	if shared {
		s.Purchases, s.Clicks = f.service.Purchases, f.service.Clicks
	}
	f.later(func() error { return s.DeleteTopics(context.Background()) })
	return s, errors.Join(s.Configure(), s.CreateTopics(ctx))
}

// disorder runs a log with repeats and out of order, and the same events once each
// in the order of their times: everybody is to be the same in the end.
func disorder(ctx context.Context, f *field) error {
	f.runs++
	if err := f.open(ctx); err != nil {
		return err
	}
	f.shop.Past(ctx, f.events, f.span)
	if err := f.shop.Flush(ctx); err != nil {
		return err
	}
	ordered, err := f.beside(ctx, "ordered", false)
	if err != nil {
		return err
	}
	if err := f.inOrder(ctx, ordered); err != nil {
		return err
	}
	var everybody [2]map[string]string
	for i, s := range []*service.Service{f.service, ordered} {
		if _, err := f.finished(ctx, s); err != nil {
			return err
		}
		if everybody[i], err = export(ctx, s); err != nil {
			return err
		}
	}
	if !maps.Equal(everybody[0], everybody[1]) {
		for customer, is := range everybody[0] {
			if is != everybody[1][customer] {
				return fmt.Errorf("customer %s is %s, but in the ordered log %s", customer, is, everybody[1][customer])
			}
		}
		return fmt.Errorf("the ordered log has %d customers, not %d", len(everybody[1]), len(everybody[0]))
	}
	f.remark("%d customers as in the ordered log", len(everybody[0]))
	return f.judge(ctx)
}

// inOrder writes the events of the inputs once each, in the order of their times.
func (f *field) inOrder(ctx context.Context, to *service.Service) error {
	type event struct{ id, at, customer, topic, value string }
	seen := map[string]event{}
	err := service.Read(ctx, f.kafka.Brokers(), []string{f.service.Purchases, f.service.Clicks}, func(r *kgo.Record) error {
		var e struct {
			ID       string
			Customer string `json:"customer_id"`
			At       string `json:"occurred_at"`
		}
		if json.Unmarshal(r.Value, &e) != nil {
			return nil // a broken one
		}
		topic := to.Purchases
		if r.Topic == f.service.Clicks {
			topic = to.Clicks
		}
		seen[e.ID] = event{e.ID, e.At, e.Customer, topic, string(r.Value)}
		return nil
	})
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(f.kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	sorted := slices.SortedFunc(maps.Values(seen), func(a, b event) int { return strings.Compare(a.at+a.id, b.at+b.id) })
	var failed error
	for _, e := range sorted {
		client.Produce(ctx, &kgo.Record{Topic: e.topic, Partition: partition.Murmur2.Partition(e.customer, shards), Key: []byte(e.customer), Value: []byte(e.value)},
			func(_ *kgo.Record, err error) {
				if err != nil {
					failed = err
				}
			})
	}
	return errors.Join(client.Flush(ctx), failed)
}

// export is where everybody stands: segment, the next one, and when.
func export(ctx context.Context, s *service.Service) (map[string]string, error) {
	text, err := s.Command(ctx, "export").Output()
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", s.Name, err)
	}
	everybody := map[string]string{}
	for line := range bytes.Lines(text) {
		var c struct {
			Customer  string `json:"customer_id"`
			Lifecycle string
			Next      string
			NextAt    string `json:"next_at"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, fmt.Errorf("exporting %s: %w", s.Name, err)
		}
		everybody[c.Customer] = fmt.Sprintf("%s, %s at %s", c.Lifecycle, c.Next, c.NextAt)
	}
	return everybody, nil
}

// hotCustomer compares how long workers take with a log of which one customer has
// 30 %, and with one of which everybody has the same, turn by turn.
func hotCustomer(ctx context.Context, f *field) error {
	const least = 0.7 // of the throughput
	mixes := []service.Mix{service.Usual(f.seed), service.Usual(f.seed)}
	mixes[0].Hot, mixes[1].Even = 0.3, true
	var logs []*service.Service
	for i, name := range []string{"hot", "even"} {
		s, err := f.beside(ctx, name, false)
		if err != nil {
			return err
		}
		shop, err := s.Open(mixes[i])
		if err != nil {
			return err
		}
		shop.Past(ctx, f.events, f.span)
		err = shop.Flush(ctx)
		shop.Close()
		if err != nil {
			return err
		}
		logs = append(logs, s)
	}
	var took [2][]time.Duration
	for turn := range f.dose {
		f.runs++
		for i, log := range logs {
			f.service = log
			s, err := f.beside(ctx, fmt.Sprintf("turn-%d", turn), true)
			if err != nil {
				return err
			}
			t, err := f.finished(ctx, s)
			if err != nil {
				return err
			}
			took[i] = append(took[i], t)
			f.service = s
			if err := f.judge(ctx); err != nil {
				return err
			}
			f.service = log
		}
	}
	hot, even := slices.Min(took[0]), slices.Min(took[1])
	ratio := float64(even) / float64(hot)
	f.remark("%.0f %% of the throughput of an even log (%.1f s, not %.1f s, their start included)", 100*ratio, hot.Seconds(), even.Seconds())
	if ratio < least && f.fullDose {
		return fmt.Errorf("a hot customer leaves %.0f %% of the throughput, not %.0f %%", 100*ratio, 100*least)
	}
	return nil
}
