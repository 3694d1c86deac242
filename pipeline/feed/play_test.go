package feed

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/shop"
)

// log keeps what is written, in memory of its own.
type log struct {
	mu      sync.Mutex
	records map[place][]sink.Record
	wrote   func() // after each batch
	err     error
}

func (l *log) Produce(ctx context.Context, topic string, number int32, records []sink.Record) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || ctx.Err() != nil {
		return 0, errors.Join(l.err, ctx.Err())
	}
	for _, r := range records {
		r.Value = slices.Clone(r.Value)
		l.records[place{topic, number}] = append(l.records[place{topic, number}], r)
	}
	if l.wrote != nil {
		l.wrote()
	}
	return 0, nil
}

func (l *log) count() (n int) {
	for _, records := range l.records {
		n += len(records)
	}
	return n
}

func newPlay(t *testing.T, o shop.Options) (*Play, *log) {
	s, err := shop.New(o)
	require.NoError(t, err)
	router, err := NewRouter(policy.Default(), TopicsOf([]string{"orders", "other", "clicks"}, 4))
	require.NoError(t, err)
	l := &log{records: map[place][]sink.Record{}}
	return &Play{Shop: s, Feed: New(l, router, Latest(func() int64 { return time.Now().UnixMilli() }))}, l
}

func options(events int64) shop.Options {
	o := shop.Default()
	o.Customers, o.Events, o.Duplicates, o.Disorder = 100, events, 0.1, 0.1
	return o
}

func TestAPlayGoesToTheTopicsAndPartitions(t *testing.T) {
	play, l := newPlay(t, options(12_000))
	n, err := play.Run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 12_000, n)
	require.Equal(t, 12_000, l.count())
	for at, records := range l.records {
		for _, r := range records {
			var event struct{ Type, Customer_ID, Occurred_At string }
			require.NoError(t, json.Unmarshal(r.Value, &event))
			require.Equal(t, event.Customer_ID, string(r.Key))
			require.Equal(t, partition.Murmur2.Partition(event.Customer_ID, 4), at.number)
			require.Equal(t, event.Type == "click", at.topic == "clicks")
			require.NotEqual(t, "other", at.topic)
		}
	}
}

func TestALivePlayHappensNow(t *testing.T) {
	began := time.Now().UnixMilli()
	play, l := newPlay(t, options(2000))
	play.Live, play.Rate = true, 10_000
	n, err := play.Run(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2000, n)
	ended := time.Now().UnixMilli()
	require.GreaterOrEqual(t, ended-began, int64(199))
	byID := map[string]string{}
	repeats := 0
	for _, records := range l.records {
		for _, r := range records {
			var event struct{ ID, Occurred_At string }
			require.NoError(t, json.Unmarshal(r.Value, &event))
			at, ok := instant.Parse(event.Occurred_At)
			require.True(t, ok)
			require.True(t, began <= at && at <= ended, event.Occurred_At)
			require.Equal(t, at, r.Time)
			if first, again := byID[event.ID]; again {
				repeats++
				require.Equal(t, first, string(r.Value), "a copy is equal to the byte")
			}
			byID[event.ID] = string(r.Value)
		}
	}
	require.Positive(t, repeats)
}

func TestNoRecordIsDatedAheadOfUs(t *testing.T) {
	o := options(100)
	o.From, o.To = 4102444800000, 4133980800000 // 2100
	play, l := newPlay(t, o)
	_, err := play.Run(t.Context())
	require.NoError(t, err)
	for _, records := range l.records {
		for _, r := range records {
			require.LessOrEqual(t, r.Time, time.Now().UnixMilli())
		}
	}
}

func TestAnInterruptEndsAPlayWithItsCount(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	play, l := newPlay(t, options(100_000))
	batches := 0
	l.wrote = func() {
		if batches++; batches == 3 {
			interrupt()
		}
	}
	n, err := play.Run(ctx)
	require.NoError(t, err)
	require.Less(t, n, int64(100_000))
	require.EqualValues(t, l.count(), n, "what was begun is brought to its end")
}

func TestAPlayTellsWhatGoesWrong(t *testing.T) {
	play, l := newPlay(t, options(100))
	l.err = errors.New("away")
	n, err := play.Run(t.Context())
	require.ErrorIs(t, err, l.err)
	require.Zero(t, n)
}
