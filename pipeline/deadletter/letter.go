// Package deadletter keeps what could not be processed, with the reason.
package deadletter

import (
	"context"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
)

// Letter is one rejected record and where it came from.
type Letter struct {
	Topic      string
	Partition  int32
	Offset     int64
	Reason     string
	RejectedAt int64 // unix ms
	Key, Value []byte
	Headers    []sink.Header
}

// Writer writes letters to the dead-letter topic.
type Writer struct{}

// NewWriter writes to topic.
func NewWriter(client *source.Client, producer *sink.Producer, topic string) *Writer {
	return &Writer{}
}

// Write returns when all letters are acknowledged.
func (w *Writer) Write(ctx context.Context, letters []Letter) error { return nil }

// Parse reads a letter back from a record of the dead-letter topic.
func Parse(rec *recordbatch.Record) (Letter, error) { return Letter{}, nil }
