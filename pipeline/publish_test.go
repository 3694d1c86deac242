package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

func TestTheTraceOfAnEventGoesWithItsChange(t *testing.T) {
	const version00 = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, c := range []struct {
		name, trace string
		kept        bool
	}{
		{"version 00", version00, true},
		{"a later version", "cc" + version00[2:] + "-more", true},
		{"as long as it may be", strings.Repeat("x", 256), true},
		{"too long", strings.Repeat("x", 257), false},
		{"too short", version00[1:], false},
		{"empty", "", false},
		{"as large as an input takes", strings.Repeat("x", 1_048_000), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.add(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), nil, []byte(purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1")),
				recordbatch.Header{Key: headerTrace, Value: []byte(c.trace)})
			b.run()
			require.Len(t, b.sent, 1)
			var traces []string
			for _, h := range b.sent[0].Headers {
				if h.Key == headerTrace {
					traces = append(traces, string(h.Value))
				}
			}
			if c.kept {
				require.Equal(t, []string{c.trace}, traces)
			} else {
				require.Empty(t, traces)
			}
			size := recordbatch.RecordSize(b.sent[0].Key, b.sent[0].Value, b.sent[0].Headers)
			require.Less(t, size, 4<<10, "the changes topic takes it")
		})
	}
}

func TestATraceIsStoredWithTheOutbox(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	b := newBench(t, nil)
	b.add(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), nil, []byte(purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1")),
		recordbatch.Header{Key: headerTrace, Value: []byte(trace)})
	b.drive(nil)
	b.feed()
	b.drive(b.failing(OpPublish, errors.New("away")))
	require.Empty(t, b.sent)
	b.again(t, nil)
	require.Len(t, b.sent, 1)
	require.Contains(t, b.sent[0].Headers, recordbatch.Header{Key: headerTrace, Value: []byte(trace)})
}

// many is a shard that has a hundred changes to publish, which go into one request.
func many(t *testing.T) *bench {
	b := newBench(t, nil)
	values := make([]string, 100)
	for i := range values {
		values[i] = purchase(fmt.Sprint("e", i), fmt.Sprint("c-", i), "2026-01-01T10:00:00Z", "1")
	}
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), values...)
	b.drive(nil)
	b.feed()
	return b
}

// publishing lets time go by until nothing is left to publish, and returns how
// many records went with each request.
func (b *bench) publishing(takes func(records int) error) []int {
	var tries []int
	for i := 0; i < 100 && !b.shard.Finished(); i++ {
		b.drive(func(op *Op) bool {
			if op.Kind != OpPublish {
				return false
			}
			tries = append(tries, len(op.Records))
			if op.Err = takes(len(op.Records)); op.Err == nil {
				b.serve(op)
			}
			b.shard.Done(op, b.clock)
			return true
		})
		b.feed()
		b.pass(2000)
	}
	return tries
}

func TestATopicThatTakesLessAtOnceGetsLess(t *testing.T) {
	b := many(t)
	refused := 0
	b.publishing(func(records int) error {
		if records >= 20 {
			refused++
			return fmt.Errorf("writing changes: %w", kafka.MessageSizeTooLarge)
		}
		return nil
	})
	require.True(t, b.shard.Finished())
	require.Less(t, refused, 20, "half as much each time")
	require.Len(t, b.sent, 100)
	for i := range b.sent {
		require.Equal(t, fmt.Sprint("c-", i), string(b.sent[i].Key))
	}
}

func TestOtherErrorsOfATopicSendTheSameAgain(t *testing.T) {
	b := many(t)
	tries := 0
	sent := b.publishing(func(int) error {
		if tries++; tries <= 12 {
			return kafka.NotEnoughReplicas
		}
		return nil
	})
	require.Len(t, sent, 13)
	for _, records := range sent {
		require.Equal(t, 100, records)
	}
}
