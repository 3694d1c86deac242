package deadletter

import (
	"context"
	"fmt"

	"github.com/tidemark/tidemark/pipeline/sink"
)

// Topics tells how many partitions a topic has; *source.Client does.
type Topics interface {
	Partitions(ctx context.Context, topic string) (int32, error)
}

// Writer writes letters to the dead-letter topic.
type Writer struct {
	topics Topics
	log    sink.Log
	topic  string
}

// NewWriter makes a writer to topic, which the client behind topics and log must know.
func NewWriter(topics Topics, log sink.Log, topic string) *Writer {
	return &Writer{topics: topics, log: log, topic: topic}
}

// Write returns when all letters are acknowledged. Those of one input partition
// go to one partition, whose number is theirs modulo the topic's count, in
// their order. After an error any of them may have been written: write them all
// again, for a dead letter may be repeated but not lost.
func (w *Writer) Write(ctx context.Context, letters []Letter) error {
	if len(letters) == 0 {
		return nil
	}
	if err := w.write(ctx, letters); err != nil {
		return fmt.Errorf("writing dead letters: %w", err)
	}
	return nil
}

func (w *Writer) write(ctx context.Context, letters []Letter) error {
	count, err := w.topics.Partitions(ctx, w.topic)
	if err != nil {
		return err
	}
	records := make(map[int32][]sink.Record)
	var order []int32 // of first appearance: the same letters make the same requests
	for i := range letters {
		to := letters[i].Partition % count
		if records[to] == nil {
			order = append(order, to)
		}
		records[to] = append(records[to], letters[i].Record())
	}
	for _, to := range order {
		_, err := sink.Send(ctx, w.log, w.topic, to, records[to])
		if sink.TooLarge(err) {
			return fmt.Errorf("the dead-letter topic must take records 64 KiB larger than the inputs do: %w", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
