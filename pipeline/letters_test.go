package pipeline

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATrickleOfBadRecordsHoldsNoCommitBack(t *testing.T) {
	for _, away := range []int{0, 3} { // how often the first letters cannot be written
		b := newBench(t, byTheWall)
		b.drive(nil)
		at := ms(t, "2026-02-01T00:00:00Z")
		b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"), "bad")
		b.feed()
		commits := b.ops[OpCommit]
		for tries := 0; b.ops[OpCommit] == commits && tries < 50; b.pass(5000) {
			b.drive(func(op *Op) bool {
				if op.Kind != OpBury || b.ops[OpCommit] > commits {
					return false
				}
				require.Len(t, op.Letters, 1)
				b.append(t, "purchases", at, "bad") // comes while the letter is being written
				b.feed()
				if tries++; tries <= away {
					op.Err = errors.New("away")
				} else {
					b.serve(op)
				}
				b.shard.Done(op, b.clock)
				return tries < 50
			})
			require.LessOrEqual(t, tries, away+1)
		}
		require.Greater(t, b.ops[OpCommit], commits)
		require.Len(t, b.sent, 1, "the customer's change waits for no bad record that came after it")
	}
}

func TestNoOffsetPassesALetterThatIsNotWritten(t *testing.T) {
	b := newBench(t, byTheWall)
	b.append(t, "purchases", ms(t, "2026-02-01T00:00:00Z"), "bad", purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.drive(nil)
	for range 20 {
		b.feed()
		b.drive(b.failing(OpBury, errors.New("away")))
		b.pass(1000)
	}
	require.Zero(t, b.state.Topics[1].Next)
	require.Empty(t, b.sent)
	b.run()
	require.Equal(t, 1, b.letters)
	require.EqualValues(t, 2, b.state.Topics[1].Next)
	require.Len(t, b.sent, 1)
}
