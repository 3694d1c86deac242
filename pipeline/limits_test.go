package pipeline

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

func TestRejectedRecordsKeepToTheLimitsOfABatch(t *testing.T) {
	const count = 20_000
	for _, c := range []struct {
		name     string
		value    string
		limit    func(*Limits)
		most     int // records of a batch
		mostOpen int // bytes of it
	}{
		{"records", "", func(l *Limits) { l.StageRecords, l.BatchRecords = 10, 20 }, 29, 0},
		{"bytes", strings.Repeat("x", 100), func(l *Limits) { l.BatchBytes = 2000 }, 0, 2*2000 + 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *ShardConfig) { c.limit(&s.Limits) })
			b.append(t, "purchases", 1, slices.Repeat([]string{c.value}, count)...)
			b.drive(nil)
			b.feed()
			records, bytes, buried := 0, 0, 0
			b.drive(func(op *Op) bool {
				if op.Kind == OpBury {
					records, bytes = max(records, b.shard.open.records), max(bytes, b.shard.open.bytes)
					require.Less(t, len(b.shard.staged), 1024)
					buried += len(op.Letters)
				}
				return false
			})
			require.Equal(t, count, buried)
			if c.most > 0 {
				require.LessOrEqual(t, records, c.most)
			} else {
				require.LessOrEqual(t, bytes, c.mostOpen)
			}
		})
	}
}

func TestKeysAndHeadersOfRejectedRecordsCountToo(t *testing.T) {
	const limit, large = 1 << 20, 300_000
	blob := []byte(strings.Repeat("x", large))
	for _, c := range []struct {
		name    string
		key     []byte
		headers []recordbatch.Header
	}{
		{"key", blob, nil},
		{"header", nil, []recordbatch.Header{{Key: "h", Value: blob}}},
		{"header's name", nil, []recordbatch.Header{{Key: string(blob)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *ShardConfig) {
				s.Limits.BatchBytes, s.Limits.BufferBytes, s.Limits.FetchBytes = limit, 1<<30, 1<<30
			})
			for range 40 {
				b.add(t, "purchases", 1, c.key, []byte("x"), c.headers...)
			}
			b.drive(nil)
			b.feed()
			b.drive(b.failing(OpBury, errors.New("away")))
			require.NotEmpty(t, b.shard.open.letters)
			require.LessOrEqual(t, len(b.shard.open.letters)*large, 2*limit+large)
		})
	}
}

func TestDeadLettersGoInRequestsOfABoundedSize(t *testing.T) {
	const large = 1000
	blob := []byte(strings.Repeat("x", large))
	for _, c := range []struct {
		name       string
		key, value []byte
		headers    []recordbatch.Header
	}{
		{"key", blob, nil, nil},
		{"value", nil, blob, nil},
		{"header", nil, nil, []recordbatch.Header{{Key: "h", Value: blob}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *ShardConfig) { s.Limits.PublishBytes = 5 * (large + 10) })
			for range 23 {
				b.add(t, "purchases", 1, c.key, c.value, c.headers...)
			}
			b.drive(nil)
			b.feed()
			var offsets []int64
			b.drive(func(op *Op) bool {
				if op.Kind == OpBury {
					require.LessOrEqual(t, len(op.Letters), 5)
					for i := range op.Letters {
						offsets = append(offsets, op.Letters[i].Offset)
					}
				}
				return false
			})
			require.Len(t, offsets, 23)
			require.True(t, slices.IsSorted(offsets))
			require.EqualValues(t, 23, b.state.Topics[1].Next)
		})
	}
}
