package verify_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/verify"
)

// outbox is the stored form of changes that Kafka has not acknowledged.
func outbox(waiting ...sink.Record) (raw []byte) {
	for _, r := range waiting {
		position := []byte(nil)
		for _, h := range r.Headers {
			if h.Key == "tidemark-at" {
				position = h.Value
			}
		}
		for _, part := range [][]byte{r.Value, position, nil} {
			raw = append(binary.AppendUvarint(raw, uint64(len(part))), part...)
		}
	}
	return raw
}

// A worker was killed when of three changes that were stored the first had been
// sent, and its acknowledgement was on the way.
func TestChangesThatWaitInTheOutboxCount(t *testing.T) {
	w := told(t)
	all := w.published()
	told := all[theShard]
	sent := len(told) - 2
	waiting := told[sent-1:]
	all[theShard] = told[:sent]
	w.publish(all)
	altered := func(i int, change func(*sink.Record)) []byte {
		records := append([]sink.Record(nil), waiting...)
		change(&records[i])
		return outbox(records...)
	}
	for _, c := range []struct {
		name, says string
		stored     []byte
	}{
		{"as it was", "", outbox(waiting...)},
		{"one is lost", "change", outbox(waiting[:2]...)},
		{"all are lost", "change", nil},
		{"one says something else", "change", altered(2, func(r *sink.Record) { require.True(t, reseal(r, `"to":"churned"`, `"to":"edge"`)) })},
		{"one has another id", "outbox", altered(1, func(r *sink.Record) { r.Value = append([]byte(`{"id":"0`), r.Value[8:]...) })},
		{"one names a place ahead", "tidemark-at", altered(2, func(r *sink.Record) {
			setHeader(r, "tidemark-at", `{"offsets":{"clicks":900,"purchases":900},"stream_time":"2025-08-01T00:00:00.000Z"}`)
		})},
		{"one has no place", "outbox", altered(2, func(r *sink.Record) { setHeader(r, "tidemark-at", "") })},
		{"the last is cut short", "cut short", outbox(waiting...)[:len(outbox(waiting...))-9]},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, w.redis.Set(t.Context(), w.keys().Outbox(), c.stored, 0).Err())
			for _, isReplay := range []bool{true, false} {
				o := w.options()
				o.Changes, o.Replay = doctored, isReplay
				report, err := verify.Run(t.Context(), o)
				require.NoError(t, err)
				if c.says != "" {
					requireFound(t, report, c.says)
					continue
				}
				requireClean(t, report)
				require.EqualValues(t, len(told), report.Changes)
				require.EqualValues(t, 2, report.Unsent)
				require.Zero(t, report.Repeats, "what waits may have been sent")
			}
		})
	}
}
