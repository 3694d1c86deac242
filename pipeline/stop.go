package pipeline

import (
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pipeline/store"
)

// Stop says why a shard does not go on, or a worker does not start, and what to
// do about it. It never goes on by skipping something in silence.
type Stop struct {
	Code   string // heading of its page in docs/runbook.md
	Reason string
	Remedy string
}

// Error is the reason, the remedy, and where to read more.
func (s *Stop) Error() string {
	return s.Reason + ": " + s.Remedy + "; see docs/runbook.md#" + s.Code
}

// Stopped is why the shard stopped, nil while it runs.
func (s *Shard) Stopped() *Stop { return s.stop }

// halt stops the shard for good.
func (s *Shard) halt(stop *Stop) {
	s.stop = stop
	s.main, s.writing = nil, nil
}

const acceptRemedy = "restore the topic, or set start.accept_truncated: true to go on with what there is"

func truncated(topic string, want, start int64) *Stop {
	return &Stop{Code: "log-truncated",
		Reason: fmt.Sprintf("topic %s begins at offset %d, but %d is needed", topic, start, want),
		Remedy: acceptRemedy}
}

func short(topic string, want, end int64) *Stop {
	return &Stop{Code: "log-shorter",
		Reason: fmt.Sprintf("topic %s ends at offset %d, but was consumed up to %d", topic, end, want),
		Remedy: "find out whether the topic was recreated or lost its tail; then restore it, or delete the namespace and begin again"}
}

func replaced(topic string, offset int64) *Stop {
	return &Stop{Code: "log-replaced",
		Reason: fmt.Sprintf("topic %s holds another record at offset %d than was consumed", topic, offset),
		Remedy: "find out whether the topic was recreated or lost its tail; then restore it, or delete the namespace and begin again"}
}

func filled(topic string, offset int64) *Stop {
	s := replaced(topic, offset)
	s.Reason = fmt.Sprintf("topic %s holds a record at offset %d, where there was none when it was read past", topic, offset)
	return s
}

func unreadableLog(topic string, offset int64, err error) *Stop {
	return &Stop{Code: "log-unreadable",
		Reason: fmt.Sprintf("topic %s cannot be read at offset %d: %v", topic, offset, err),
		Remedy: "repair the partition from a replica; what the log has lost nobody can compute"}
}

func changesTruncated(topic string, pub, start int64) *Stop {
	return &Stop{Code: "changes-truncated",
		Reason: fmt.Sprintf("changes topic %s begins at offset %d, but what was published from %d on is needed", topic, start, pub),
		Remedy: "create it with unlimited retention; start.accept_truncated: true goes on, with versions that may repeat"}
}

func changesShort(topic string, pub, end int64) *Stop {
	return &Stop{Code: "changes-shorter",
		Reason: fmt.Sprintf("changes topic %s ends at offset %d, but was acknowledged up to %d", topic, end, pub),
		Remedy: "restore it; start.accept_truncated: true goes on, with versions that may repeat"}
}

func foreign(topic, source, ours string) *Stop {
	return &Stop{Code: "changes-foreign",
		Reason: fmt.Sprintf("changes topic %s holds changes of %q, but this is %q", topic, source, ours),
		Remedy: "give every namespace a changes topic of its own"}
}

func otherPolicy(theirs, ours string) *Stop {
	return &Stop{Code: "policy-differs",
		Reason: fmt.Sprintf("the namespace was made by policy version %s, but this worker has %s", theirs, ours),
		Remedy: "start with the namespace's policy, or choose another namespace for the new one"}
}

func otherPartitions(theirs, ours int32) *Stop {
	return &Stop{Code: "partitions-differ",
		Reason: fmt.Sprintf("the namespace was made for %d partitions, but the inputs have %d", theirs, ours),
		Remedy: "keep the partition count, or choose another namespace and replay"}
}

func unreadable(what string, err error) *Stop {
	if errors.Is(err, store.ErrDeleted) {
		return &Stop{Code: "namespace-leftovers", Reason: fmt.Sprintf("reading %s: %v", what, err), Remedy: "finish it: tidemark namespace delete"}
	}
	return &Stop{Code: "state-unreadable",
		Reason: fmt.Sprintf("reading %s: %v", what, err),
		Remedy: "if a newer version wrote it, run that version; else restore Redis from a back-up"}
}

func fenced(err error) bool { return errors.Is(err, store.ErrFenced) }
