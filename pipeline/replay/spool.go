package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"sync"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// spool is a topic in files of this process, for what a replay must not write to
// anybody's Kafka. To a shard it is like one: it keeps record batches in order,
// and gives them back by offset. Nobody else writes to it, so nothing of Kafka's
// troubles has to be looked for.
type spool struct {
	dir        string
	partitions []spooled
}

// spooled is one partition: a file of record batches.
type spooled struct {
	mu      sync.Mutex
	file    *os.File
	size    int64
	next    int64 // offset
	batches []spooledBatch
}

// spooledBatch is where a batch is in the file.
type spooledBatch struct {
	offset int64 // of its first record
	at     int64
	size   int32
}

// newSpool makes a spool whose files go away with the process.
func newSpool(partitions int32) (s *spool, err error) {
	s = &spool{partitions: make([]spooled, partitions)}
	if s.dir, err = os.MkdirTemp("", "tidemark-replay-"); err != nil {
		return nil, fmt.Errorf("creating a folder for the replay, name one that may be written to in TMPDIR: %w", err)
	}
	for i := range s.partitions {
		if s.partitions[i].file, err = os.CreateTemp(s.dir, ""); err != nil {
			return nil, errors.Join(fmt.Errorf("creating a file for the replay, name a folder with room in TMPDIR: %w", err), s.close())
		}
		// Where it can be, an open file is removed at once: a process that is killed
		// leaves nothing then. Elsewhere close does it.
		_ = os.Remove(s.partitions[i].file.Name())
	}
	return s, nil
}

func (s *spool) close() (err error) {
	for i := range s.partitions {
		if s.partitions[i].file != nil {
			err = errors.Join(err, s.partitions[i].file.Close())
		}
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// Partitions is how many there are, whatever the topic is called.
func (s *spool) Partitions(context.Context, string) (int32, error) {
	return int32(len(s.partitions)), nil
}

// ProduceIf appends them if they may be written now.
func (s *spool) ProduceIf(ctx context.Context, topic string, partition int32, records []sink.Record, may func() bool) (base int64, err error) {
	if !may() {
		return 0, sink.ErrWithheld
	}
	return s.Produce(ctx, topic, partition, records)
}

// Produce appends the records as one batch.
func (s *spool) Produce(_ context.Context, topic string, partition int32, records []sink.Record) (base int64, err error) {
	p := &s.partitions[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	var b recordbatch.Builder
	b.Start(nil, recordbatch.Options{BaseOffset: p.next})
	for i := range records {
		b.Add(records[i].Time, records[i].Key, records[i].Value, records[i].Headers)
	}
	raw, err := b.Finish()
	if err == nil {
		_, err = p.file.WriteAt(raw, p.size)
	}
	if err != nil {
		return 0, fmt.Errorf("keeping %d records of %s/%d in %s, name a folder with room in TMPDIR: %w", len(records), topic, partition, s.dir, err)
	}
	base = p.next
	p.batches = append(p.batches, spooledBatch{offset: base, at: p.size, size: int32(len(raw))})
	p.size += int64(len(raw))
	p.next += int64(len(records))
	return base, nil
}

// Bounds are the first offset and the one that comes next.
func (s *spool) Bounds(_ context.Context, _ string, partition int32) (start, end int64, err error) {
	p := &s.partitions[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	return 0, p.next, nil
}

// fetch returns whole batches from the one that holds the position on: one at
// least, and no more than its bytes.
func (s *spool) fetch(at source.Position) (source.Fetched, error) {
	p := &s.partitions[at.Partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	f := source.Fetched{Topic: at.Topic, Partition: at.Partition, Offset: at.Offset, HighWatermark: p.next, LastStable: p.next}
	first := sort.Search(len(p.batches), func(i int) bool { return p.batches[i].offset > at.Offset }) - 1
	if first < 0 || at.Offset >= p.next {
		return f, nil
	}
	size := int32(0)
	for i := first; i < len(p.batches) && (i == first || size+p.batches[i].size <= at.MaxBytes); i++ {
		size += p.batches[i].size
	}
	f.Raw = make([]byte, size)
	if _, err := p.file.ReadAt(f.Raw, p.batches[first].at); err != nil {
		return f, fmt.Errorf("reading back %s/%d: %w", at.Topic, at.Partition, err)
	}
	return f, nil
}

// spoolBytes is how much is read back at once.
const spoolBytes = 4 << 20

// read visits every record of one partition in order.
func (s *spool) read(topic string, partition int32, visit func(recordbatch.Record) error) error {
	at := source.Position{Topic: topic, Partition: partition, MaxBytes: spoolBytes}
	for {
		f, err := s.fetch(at)
		if err != nil || len(f.Raw) == 0 {
			return err
		}
		var reader recordbatch.Reader
		reader.Reset(f.Raw, at.Offset, nil)
		for {
			var record recordbatch.Record
			more, err := reader.Next(&record)
			if err != nil {
				return fmt.Errorf("reading back %s/%d: %w", topic, partition, err)
			}
			if !more {
				break
			}
			if err := visit(record); err != nil {
				return err
			}
		}
		at.Offset = reader.Position()
	}
}
