package replay

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pkg/change"
)

// letters reads the rejected records back, in order of partition, topic and
// offset, and gives each to visit once.
func letters(ctx context.Context, w world, visit func(*deadletter.Letter) error) error {
	for partition := range w.Partitions() {
		var all []deadletter.Letter
		err := w.Read(ctx, local.DeadLetters, partition, func(record recordbatch.Record) error {
			letter, err := deadletter.Parse(&record)
			all = append(all, letter)
			return err
		})
		if err != nil {
			return err
		}
		slices.SortFunc(all, order)
		// A shard that had to take itself over again may have written one twice.
		all = slices.CompactFunc(all, func(a, b deadletter.Letter) bool { return order(a, b) == 0 })
		for i := range all {
			if err := visit(&all[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func order(a, b deadletter.Letter) int {
	return cmp.Or(
		cmp.Compare(a.Partition, b.Partition),
		cmp.Compare(a.Topic, b.Topic),
		cmp.Compare(a.Offset, b.Offset),
	)
}

// AppendLetter writes a rejected record as a line of JSON behind dst. JSON holds
// text only: where the key or the value is none, both are in base64.
func AppendLetter(dst []byte, l *deadletter.Letter) []byte {
	text := utf8.Valid(l.Key) && utf8.Valid(l.Value)
	dst = append(dst, `{"reason":`...)
	dst = change.AppendString(dst, l.Reason)
	dst = append(dst, `,"topic":`...)
	dst = change.AppendString(dst, l.Topic)
	dst = append(dst, `,"partition":`...)
	dst = strconv.AppendInt(dst, int64(l.Partition), 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, l.Offset, 10)
	dst = append(dst, `,"key":`...)
	dst = appendBytes(dst, l.Key, text)
	dst = append(dst, `,"value":`...)
	dst = appendBytes(dst, l.Value, text)
	if !text {
		dst = append(dst, `,"encoding":"base64"`...)
	}
	return append(dst, '}')
}

func appendBytes(dst, b []byte, text bool) []byte {
	switch {
	case b == nil:
		return append(dst, "null"...)
	case text:
		return change.AppendString(dst, string(b))
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}
