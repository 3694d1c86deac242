package pipeline

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of a customer who was forgotten and came back, the outbox may hold two changes of
// version 1. A take-over that finds the first in the changes topic and breaks off
// after it has stored something must leave the entry there: else the next one takes
// that record for another future, which the second change contradicts.
func TestWhatABrokenTakeOverFoundIsKnownToTheNextOne(t *testing.T) {
	other := newBench(t, nil)
	other.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), purchase("e9", "c-2", "2026-01-01T10:00:00Z", "1"))
	other.run()

	b := newBench(t, nil)
	for _, e := range []struct{ at, value string }{
		{"2022-01-01T00:00:00Z", purchase("e1", "c-1", "2022-01-01T00:00:00Z", "1")},
		{"2022-01-02T00:00:00Z", `{"id":"e2","type":"forget","customer_id":"c-1"}`},
		{"2025-01-01T00:00:00Z", purchase("e3", "c-3", "2025-01-01T00:00:00Z", "1")}, // his tombstone has ended
		{"2025-01-02T00:00:00Z", purchase("e4", "c-1", "2025-01-02T00:00:00Z", "1")},
	} {
		b.append(t, "purchases", ms(t, e.at), e.value)
	}
	lost := func(op *Op) bool { // the first change lands, but no answer ever comes back
		if op.Kind != OpPublish {
			return false
		}
		if len(b.sent) == 0 {
			b.sent = append(b.sent, op.Records[0])
		}
		return true
	}
	for range 4 {
		b.drive(lost)
		b.feed()
	}
	b.drive(lost)
	require.EqualValues(t, 4, b.state.Topics[1].Next)
	stored, err := decodeOutbox(b.outbox)
	require.NoError(t, err)
	var versions []int64
	for _, u := range stored.entries {
		if u.customer == "c-1" {
			versions = append(versions, u.version)
		}
	}
	require.Equal(t, []int64{1, 2, 1}, versions)

	// What another future told of c-2 has a take-over store something midway.
	b.sent = append(b.sent, other.sent[0])
	b.shard = newBench(t, nil).shard
	commits := 0
	b.drive(func(op *Op) bool {
		if op.Kind != OpCommit {
			return false
		}
		if commits++; commits != 2 {
			return false
		}
		op.Err = errors.New("connection reset")
		b.shard.Done(op, b.clock)
		return true
	})
	b.pass(60_000)
	b.run()
	require.Nil(t, b.shard.Stopped())
	require.GreaterOrEqual(t, commits, 2, "it broke off")
	require.EqualValues(t, 1, b.state.Adopted, "c-2 alone comes from another future")
}
