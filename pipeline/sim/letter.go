package sim

import (
	"strconv"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/sink"
)

// letterRecord is a dead letter as the contract wants it in Kafka.
func letterRecord(l *deadletter.Letter) sink.Record {
	headers := append([]sink.Header(nil), l.Headers...)
	for _, h := range []struct{ key, value string }{
		{"tidemark-reason", l.Reason},
		{"tidemark-topic", l.Topic},
		{"tidemark-partition", strconv.Itoa(int(l.Partition))},
		{"tidemark-offset", strconv.FormatInt(l.Offset, 10)},
		{"tidemark-rejected-at", clock(l.RejectedAt)},
	} {
		headers = append(headers, sink.Header{Key: h.key, Value: []byte(h.value)})
	}
	return sink.Record{Key: l.Key, Value: l.Value, Headers: headers, Time: l.RejectedAt}
}

// letterText is a letter as one text, without when it was rejected.
func letterText(r *sink.Record) string {
	text := bytesText(r.Key) + " " + bytesText(r.Value)
	for _, h := range r.Headers {
		if h.Key != "tidemark-rejected-at" {
			text += " " + h.Key + "=" + bytesText(h.Value)
		}
	}
	return text
}

// letterOf is the letter that a rejected record should have become.
func letterOf(p *parcelled, o observation, partition int32, reason string) string {
	r := letterRecord(&deadletter.Letter{Topic: o.topic, Partition: partition, Offset: o.offset, Reason: reason,
		Key: p.record.Key, Value: p.record.Value, Headers: p.record.Headers})
	return letterText(&r)
}

// bytesText tells null from empty.
func bytesText(b []byte) string {
	if b == nil {
		return "null"
	}
	return strconv.Quote(string(b))
}
