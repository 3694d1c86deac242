package pipeline

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// story returns what a shard published, in short.
func (b *bench) story(t *testing.T) []string {
	var story []string
	for _, r := range b.sent {
		var c struct {
			Customer string `json:"customer_id"`
			Version  int64
			From, To *string
			At       string `json:"effective_at"`
			Cause    struct{ Kind string }
		}
		decodeJSON(t, r.Value, &c)
		name := func(s *string) string {
			if s == nil {
				return "null"
			}
			return *s
		}
		story = append(story, fmt.Sprintf("%s %d %s>%s %s %s", c.Customer, c.Version, name(c.From), name(c.To), c.Cause.Kind, c.At))
	}
	return story
}

// history is a log in which c-1 was potential, then at the edge; c-2 bought late.
func history(t *testing.T, publish string) *bench {
	b := newBench(t, func(c *ShardConfig) {
		c.Publish, c.WallClock, c.TimerGrace = publish, true, 2000
		c.Limits.TimerPiece = 1
	})
	at := ms(t, "2026-06-01T00:00:00Z")
	b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T00:00:00Z", "1"),
		purchase("e2", "c-2", "2026-05-01T00:00:00Z", "1"))
	b.clock = Clock{Now: ms(t, "2026-06-01T00:00:02Z"), Tick: 1}
	b.run()
	b.clock.Tick += idleCommit
	b.run()
	require.Nil(t, b.shard.Stopped())
	return b
}

func (b *bench) at(t *testing.T, when string) {
	b.clock = Clock{Now: ms(t, when) + 2000, Tick: b.clock.Tick + 2*idleCommit}
	b.run()
}

func TestSnapshotTellsEachCustomerOnceWhenHistoryIsRead(t *testing.T) {
	b := history(t, PublishSnapshot)
	require.Equal(t, []string{
		"c-1 1 null>edge bootstrap 2026-06-01T00:00:00.000Z",
		"c-2 1 null>potential bootstrap 2026-06-01T00:00:00.000Z",
	}, b.story(t))
	b.at(t, "2026-07-30T00:00:00Z")
	require.Equal(t, []string{
		"c-1 2 edge>churned timer 2026-06-30T00:00:00.000Z",
		"c-2 2 potential>edge timer 2026-07-30T00:00:00.000Z",
	}, b.story(t)[2:])
}

func TestNoneTellsNothingOfHistory(t *testing.T) {
	b := history(t, PublishNone)
	require.Empty(t, b.story(t))
	b.at(t, "2026-07-30T00:00:00Z")
	require.Equal(t, []string{
		"c-1 1 edge>churned timer 2026-06-30T00:00:00.000Z",
		"c-2 1 potential>edge timer 2026-07-30T00:00:00.000Z",
	}, b.story(t))
}

func TestAllTellsHistoryAsItHappened(t *testing.T) {
	b := history(t, PublishAll)
	require.ElementsMatch(t, []string{
		"c-1 1 null>potential event 2026-01-01T00:00:00.000Z",
		"c-1 2 potential>edge timer 2026-04-01T00:00:00.000Z",
		"c-2 1 null>potential event 2026-05-01T00:00:00.000Z",
	}, b.story(t))
}

func TestWhatTheWorldWasToldSurvivesARollback(t *testing.T) {
	b := newBench(t, nil)
	empty := b.state.Clone()
	at := ms(t, "2026-02-01T00:00:00Z")
	b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T00:00:00Z", "1"))
	b.append(t, "purchases", at, purchase("e2", "c-1", "2026-01-02T00:00:00Z", "1"))
	b.append(t, "purchases", at, purchase("e3", "c-1", "2026-01-03T00:00:00Z", "1"))
	b.run()
	told := b.story(t)
	require.Equal(t, []string{
		"c-1 1 null>potential event 2026-01-01T00:00:00.000Z",
		"c-1 2 potential>loyal event 2026-01-03T00:00:00.000Z",
	}, told)

	// Redis comes back empty: the log is read again, and nothing is told twice.
	b.state, b.customers, b.timers, b.outbox = empty, map[string][]byte{}, map[string]int64{}, nil
	b.again(t, nil)
	require.Nil(t, b.shard.Stopped())
	require.True(t, b.shard.Finished())
	require.Equal(t, told, b.story(t))
	require.EqualValues(t, 2, b.state.Adopted)
	require.Nil(t, b.state.Adopt)
	require.EqualValues(t, 1, b.state.Sizes[1])
	require.Contains(t, string(b.customers["c-1"]), `"lifecycle":"loyal"`)
}
