package pipeline

import (
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pkg/planted"
)

// publish sends stored changes to Kafka, one request at a time, so that the
// changes of a customer arrive in the order of their versions.
func (s *Shard) publish() *Op {
	if s.publishing != nil || s.outbox.stored == 0 || s.tick < s.publishAt {
		return s.mutatePublish()
	}
	records := s.outbox.records(s.cfg.Source, s.cfg.Limits.PublishBytes>>s.smaller, s.now)
	return s.start(&Op{Kind: OpPublish, Records: records, Waits: s.outbox.waits(len(records))})
}

// published takes the answer. An error does not mean that nothing was written:
// the same bytes are sent again, and whoever reads them drops the repeat by its
// version.
func (s *Shard) published(op *Op) {
	if op.Err != nil && !planted.AckAssumed.On() {
		s.unpublished++
		s.publishAt = s.tick + s.backoff(s.unpublished)
		if sink.TooLarge(op.Err) && len(op.Records) > 1 {
			s.smaller++ // the topic takes less at once than its default
		}
		return
	}
	s.unpublished = 0
	if op.Base < s.state.Pub && !s.cfg.AcceptTruncated {
		s.halt(changesShort(s.cfg.Changes, s.state.Pub, op.Base)) // a leader without the tail took them
		return
	}
	n := len(op.Records)
	s.state.Pub = op.Base + int64(n)
	s.outbox.acknowledge(n)
	s.tally.Published += int64(n)
	s.open.trimmed = true
}
