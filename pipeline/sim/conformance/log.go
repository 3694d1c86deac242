// Package conformance holds the servers that the engine depends on, and the
// simulator's models of them, to the same behaviour.
package conformance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// LogTopics are the topics that a log under test has, with their partitions.
var LogTopics = map[string]int32{"log-a": 3, "log-b": 3}

const logA, logB = "log-a", "log-b"

// LogUnderTest is a log in the suite: Kafka, or a model of it.
type LogUnderTest interface {
	// Append writes the records as one batch and returns the first one's offset.
	Append(topic string, partition int32, records []sink.Record) (base int64, err error)

	// Fetch is source.Client.Fetch without waiting.
	Fetch(at []source.Position, maxBytes int) ([]source.Fetched, error)

	// Bounds returns the log start and the high watermark.
	Bounds(topic string, partition int32) (start, end int64, err error)

	// Trim deletes the records before an offset, as retention does.
	Trim(topic string, partition int32, to int64) error
}

// Log holds an implementation against what a shard relies on. open is called
// once a test and gives a log whose topics are empty.
func Log(t *testing.T, open func(t *testing.T) LogUnderTest) {
	for _, c := range []struct {
		name string
		test func(s *logSuite)
	}{
		{"an empty log", emptyLog},
		{"offsets count records", offsetsCountRecords},
		{"records come back as they were", recordsComeBack},
		{"a fetch may begin inside a batch", fetchInsideABatch},
		{"at the end there is nothing", fetchAtTheEnd},
		{"outside of the log", fetchOutside},
		{"partitions are independent", partitionsApart},
		{"a partition's byte limit", partitionLimit},
		{"the byte limit of all", totalLimit},
		{"a batch above the limit", batchAboveTheLimit},
		{"large records", largeRecords},
		{"unknown partitions", unknownPartitions},
		{"trimmed", trimmed},
		{"batches tell their leader's epoch", leaderEpochs},
		{"answers share no memory", freshMemory},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(&logSuite{T: t, log: open(t)}) })
	}
}

// logSuite is one test's view of a log.
type logSuite struct {
	*testing.T
	log LogUnderTest
}

const plenty = 8 << 20 // bytes, for fetches that are not about limits

func (s *logSuite) append(topic string, partition int32, records ...sink.Record) int64 {
	s.Helper()
	base, err := s.log.Append(topic, partition, records)
	require.NoError(s, err)
	return base
}

// numbered returns records whose values are from…to-1.
func numbered(from, to int) (records []sink.Record) {
	for i := from; i < to; i++ {
		records = append(records, sink.Record{Value: fmt.Appendf(nil, "%d", i), Time: int64(1000 + i)})
	}
	return records
}

func at(topic string, partition int32, offset int64) source.Position {
	return source.Position{Topic: topic, Partition: partition, Offset: offset, MaxBytes: plenty}
}

func (s *logSuite) fetch(positions ...source.Position) []source.Fetched {
	s.Helper()
	answers, err := s.log.Fetch(positions, plenty)
	require.NoError(s, err)
	require.Len(s, answers, len(positions))
	for i, p := range positions {
		require.Equal(s, p.Topic, answers[i].Topic)
		require.Equal(s, p.Partition, answers[i].Partition)
		require.Equal(s, p.Offset, answers[i].Offset)
	}
	return answers
}

func (s *logSuite) fetchOne(p source.Position) source.Fetched {
	s.Helper()
	return s.fetch(p)[0]
}

// entry is a record as it was read, in memory of its own.
type entry struct {
	offset int64
	record sink.Record
}

// read returns the records of an answer and the position behind them.
func (s *logSuite) read(f source.Fetched) (entries []entry, next int64) {
	s.Helper()
	require.NoError(s, f.Err)
	var r recordbatch.Reader
	var rec recordbatch.Record
	r.Reset(f.Raw, f.Offset, f.Aborted)
	for {
		ok, err := r.Next(&rec)
		require.NoError(s, err)
		if !ok {
			return entries, r.Position()
		}
		e := entry{rec.Offset, sink.Record{Key: bytes.Clone(rec.Key), Value: bytes.Clone(rec.Value), Time: rec.Timestamp}}
		for h := range rec.Headers() {
			e.record.Headers = append(e.record.Headers, sink.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
		}
		entries = append(entries, e)
	}
}

func values(entries []entry) (out []string) {
	for _, e := range entries {
		out = append(out, string(e.record.Value))
	}
	return out
}

func (s *logSuite) bounds(topic string, partition int32, start, end int64) {
	s.Helper()
	gotStart, gotEnd, err := s.log.Bounds(topic, partition)
	require.NoError(s, err)
	require.Equal(s, [2]int64{start, end}, [2]int64{gotStart, gotEnd})
}

func emptyLog(s *logSuite) {
	s.bounds(logA, 2, 0, 0)
	f := s.fetchOne(at(logA, 2, 0))
	require.NoError(s, f.Err)
	require.Empty(s, f.Raw)
	require.Zero(s, f.HighWatermark)
	require.Zero(s, f.LastStable)
	require.Zero(s, f.LogStart)
}

func offsetsCountRecords(s *logSuite) {
	require.EqualValues(s, 0, s.append(logA, 0, numbered(0, 3)...))
	require.EqualValues(s, 3, s.append(logA, 0, numbered(3, 4)...))
	require.EqualValues(s, 4, s.append(logA, 0, numbered(4, 104)...))
	s.bounds(logA, 0, 0, 104)

	f := s.fetchOne(at(logA, 0, 0))
	require.EqualValues(s, 104, f.HighWatermark)
	require.EqualValues(s, 104, f.LastStable)
	require.EqualValues(s, 104, recordbatch.End(f.Raw, 0))
	entries, next := s.read(f)
	require.EqualValues(s, 104, next)
	require.Len(s, entries, 104)
	for i, e := range entries {
		require.EqualValues(s, i, e.offset)
		require.Equal(s, fmt.Sprint(i), string(e.record.Value), "the order is that of writing")
	}
}

func recordsComeBack(s *logSuite) {
	records := []sink.Record{
		{Key: []byte("c-1"), Value: []byte(`{"type":"click"}`), Time: 1772359200123},
		{Key: nil, Value: nil, Time: -1},
		{Key: []byte{}, Value: []byte{}, Time: 0},
		{Key: []byte{0xff, 0}, Value: []byte("\xc3\x28"), Time: 253402300799999},
		{Value: []byte("x"), Time: 5, Headers: []sink.Header{{Key: "a", Value: []byte("1")}, {Key: "", Value: nil}, {Key: "a", Value: []byte{}}}},
	}
	s.append(logA, 1, records...)
	entries, _ := s.read(s.fetchOne(at(logA, 1, 0)))
	require.Len(s, entries, len(records))
	for i, e := range entries {
		require.Equal(s, records[i], e.record) // tells nil from empty
	}
}

func fetchInsideABatch(s *logSuite) {
	s.append(logA, 0, numbered(0, 10)...)
	s.append(logA, 0, numbered(10, 20)...)
	for _, from := range []int64{0, 1, 9, 10, 15, 19} {
		entries, next := s.read(s.fetchOne(at(logA, 0, from)))
		require.Len(s, entries, int(20-from))
		require.Equal(s, from, entries[0].offset)
		require.EqualValues(s, 20, next)
	}
}

func fetchAtTheEnd(s *logSuite) {
	s.append(logA, 0, numbered(0, 7)...)
	f := s.fetchOne(at(logA, 0, 7))
	require.NoError(s, f.Err)
	require.Empty(s, f.Raw)
	require.Equal(s, f.Offset, f.HighWatermark, "this is how a shard knows that it is caught up")

	s.append(logA, 0, numbered(7, 8)...)
	entries, _ := s.read(s.fetchOne(at(logA, 0, 7)))
	require.Equal(s, []string{"7"}, values(entries))
}

// A shard finds out by it that a partition has another leader.
func leaderEpochs(s *logSuite) {
	epoch := int32(0)
	for i := range 3 {
		s.append(logA, 0, numbered(i, i+1)...)
		f := s.fetchOne(at(logA, 0, int64(i)))
		require.GreaterOrEqual(s, recordbatch.LeaderEpoch(f.Raw), epoch)
		epoch = recordbatch.LeaderEpoch(f.Raw)
	}
	require.EqualValues(s, -1, recordbatch.LeaderEpoch(nil))
}

func fetchOutside(s *logSuite) {
	s.append(logA, 0, numbered(0, 7)...)
	s.append(logA, 1, numbered(0, 7)...)
	answers := s.fetch(at(logA, 0, 8), at(logA, 1, 3))
	require.True(s, source.OutOfRange(answers[0].Err), "beyond the end: %v", answers[0].Err)
	require.Empty(s, answers[0].Raw)
	entries, _ := s.read(answers[1])
	require.Len(s, entries, 4, "the others are answered all the same")
	require.True(s, source.OutOfRange(s.fetchOne(at(logA, 2, 1)).Err), "an empty log ends at 0")
}

func partitionsApart(s *logSuite) {
	var positions []source.Position
	for _, topic := range []string{logB, logA} {
		for p := range LogTopics[topic] {
			s.append(topic, p, sink.Record{Value: fmt.Appendf(nil, "%s/%d", topic, p)})
			positions = append(positions, at(topic, p, 0))
		}
	}
	for range 2 * len(positions) { // in whatever turn they are served
		for i, f := range s.fetch(positions...) {
			entries, next := s.read(f)
			require.Equal(s, []string{fmt.Sprintf("%s/%d", positions[i].Topic, positions[i].Partition)}, values(entries))
			require.EqualValues(s, 1, next)
			require.EqualValues(s, 1, f.HighWatermark)
		}
	}
}

// kilobytes appends n batches of one record of 1,000 bytes that no codec makes
// smaller.
func (s *logSuite) kilobytes(topic string, partition int32, n int) {
	chance := rand.NewChaCha8([32]byte{})
	for range n {
		value := make([]byte, 1000)
		_, _ = chance.Read(value)
		s.append(topic, partition, sink.Record{Value: value})
	}
}

func partitionLimit(s *logSuite) {
	const n, limit = 20, 5000
	s.kilobytes(logA, 0, n)
	fetches := 0
	for next := int64(0); next < n; fetches++ {
		f := s.fetchOne(source.Position{Topic: logA, Partition: 0, Offset: next, MaxBytes: limit})
		require.LessOrEqual(s, len(f.Raw), limit)
		require.EqualValues(s, n, f.HighWatermark)
		entries, to := s.read(f)
		require.NotEmpty(s, entries)
		require.Equal(s, next, entries[0].offset)
		require.Equal(s, next+int64(len(entries)), to)
		next = to
	}
	require.Greater(s, fetches, n*1000/limit)
}

// With less room than there is, nobody may be forgotten for ever.
func totalLimit(s *logSuite) {
	const n, limit = 10, 3000
	positions := []source.Position{at(logA, 0, 0), at(logA, 1, 0), at(logB, 2, 0)}
	for _, p := range positions {
		s.kilobytes(p.Topic, p.Partition, n)
	}
	for fetches := 0; ; fetches++ {
		require.Less(s, fetches, 100)
		answers, err := s.log.Fetch(positions, limit)
		require.NoError(s, err)
		size, left := 0, 0
		for _, f := range answers {
			size += len(f.Raw)
			for i := range positions {
				if p := &positions[i]; p.Topic == f.Topic && p.Partition == f.Partition && len(f.Raw) > 0 {
					entries, next := s.read(f)
					require.EqualValues(s, p.Offset, entries[0].offset)
					p.Offset = next
				}
			}
		}
		require.LessOrEqual(s, size, limit)
		for _, p := range positions {
			left += n - int(p.Offset)
		}
		if left == 0 {
			return
		}
	}
}

func batchAboveTheLimit(s *logSuite) {
	s.kilobytes(logA, 0, 1)
	f, err := s.log.Fetch([]source.Position{{Topic: logA, Partition: 0, Offset: 0, MaxBytes: 10}}, 10)
	require.NoError(s, err)
	require.Len(s, f, 1)
	entries, _ := s.read(f[0])
	require.Len(s, entries, 1, "a limit that no batch meets would stop a reader for ever")
}

func largeRecords(s *logSuite) {
	large := bytes.Repeat([]byte("0123456789abcdef"), (1<<20+64<<10)/16)
	s.append(logA, 0, sink.Record{Key: []byte("c"), Value: large, Time: 1})
	s.append(logA, 0, numbered(1, 2)...)
	entries, next := s.read(s.fetchOne(at(logA, 0, 0)))
	require.Len(s, entries, 2)
	require.True(s, bytes.Equal(large, entries[0].record.Value))
	require.EqualValues(s, 2, next)
}

// Topics are known from the start; partitions may be fewer than somebody thinks.
func unknownPartitions(s *logSuite) {
	s.append(logA, 0, numbered(0, 1)...)
	for _, p := range []source.Position{at(logA, LogTopics[logA], 0), at(logA, 1000, 0), at(logA, -1, 0)} {
		_, err := s.log.Append(p.Topic, p.Partition, numbered(0, 1))
		require.Error(s, err)
		_, _, err = s.log.Bounds(p.Topic, p.Partition)
		require.Error(s, err)
		answers := s.fetch(p, at(logA, 0, 0))
		require.Error(s, answers[0].Err)
		require.False(s, source.OutOfRange(answers[0].Err))
		entries, _ := s.read(answers[1])
		require.Len(s, entries, 1, "one unknown place does not spoil the fetch")
	}
}

func trimmed(s *logSuite) {
	s.append(logA, 0, numbered(0, 5)...)
	s.append(logA, 0, numbered(5, 10)...)
	require.NoError(s, s.log.Trim(logA, 0, 7))
	s.bounds(logA, 0, 7, 10)

	require.True(s, source.OutOfRange(s.fetchOne(at(logA, 0, 6)).Err))
	f := s.fetchOne(at(logA, 0, 7))
	require.EqualValues(s, 7, f.LogStart)
	require.EqualValues(s, 10, f.HighWatermark)
	entries, _ := s.read(f)
	require.Equal(s, []string{"7", "8", "9"}, values(entries))

	require.NoError(s, s.log.Trim(logA, 0, 10))
	s.bounds(logA, 0, 10, 10)
	require.Empty(s, s.fetchOne(at(logA, 0, 10)).Raw)
	require.EqualValues(s, 10, s.append(logA, 0, numbered(10, 11)...), "offsets are never given out again")
}

func freshMemory(s *logSuite) {
	s.append(logA, 0, numbered(0, 50)...)
	first := s.fetchOne(at(logA, 0, 0))
	want := bytes.Clone(first.Raw)
	clear(first.Raw)
	require.True(s, bytes.Equal(want, s.fetchOne(at(logA, 0, 0)).Raw), "shards keep slices of an answer while the next one comes")
}
