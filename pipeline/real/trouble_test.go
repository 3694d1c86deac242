//go:build real

package real_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/segment"
)

// TestTrouble runs a shop's log over real servers that crash, and compares with
// what an undisturbed run inside one process ends with.
func TestTrouble(t *testing.T) {
	lines := shopping(t, 50_000)
	want := undisturbed(t, lines)
	require.NotEmpty(t, want.changes)
	require.NotEmpty(t, want.letters)
	kafka, err := real.StartKafka(3)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kafka.Close()) })
	t.Run("brokers fall", func(t *testing.T) { brokersFall(t, kafka) })
	t.Run("crashes", func(t *testing.T) { crashes(t, kafka, lines, want) })
	t.Run("rollbacks", func(t *testing.T) { rollbacks(t, kafka, lines, want) })
}

// Where crashes take nothing back the outcome is the same to the byte.
func crashes(t *testing.T, kafka *real.Kafka, lines [][]byte, want outcome) {
	redis := startRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	e := newEngine(t, kafka, redis.Addr())
	e.feed(lines)

	crash := func() error { redis.Kill(); return redis.Restart() }
	broker := func(i int) func() error {
		return func() error { kafka.Kill(i); return kafka.Restart(i) }
	}
	lives := e.live(spread(len(want.changes),
		trouble{name: "Redis crashes", do: crash},
		trouble{name: "the worker is killed", kills: true},
		trouble{name: "a broker crashes", do: broker(0)},
		trouble{name: "Redis crashes", do: crash},
		trouble{name: "the worker is killed", kills: true},
		trouble{name: "Redis crashes", do: crash},
		trouble{name: "Redis and the worker crash", kills: true, do: crash},
		trouble{name: "another broker crashes", do: broker(1)},
		trouble{name: "Redis crashes", do: crash},
		trouble{name: "the worker is killed", kills: true},
	))
	require.Equal(t, 5, lives)
	got := e.outcome(want.customers)
	requireSameChanges(t, want.changes, got.changes)
	requireSameRest(t, want, got)
	for place, value := range want.customers {
		require.Equal(t, value, got.customers[place], "customer %s", place)
	}
}

// What was published before a rollback stays true; what was not may be told
// later, as recovered. Where everybody stands in the end is the same.
func rollbacks(t *testing.T, kafka *real.Kafka, lines [][]byte, want outcome) {
	cluster := startCluster(t, 3, 0, "--appendonly", "yes", "--appendfsync", "everysec")
	e := newEngine(t, kafka, cluster.Addrs()...)
	e.feed(lines)

	var before real.Snapshot
	keep := func() (err error) { before, err = cluster.Master(0).Snapshot(e.ctx); return err }
	back := func() error { return cluster.Master(0).Rollback(before) }
	lives := e.live(spread(len(want.changes),
		trouble{name: "a node's files are kept", do: keep},
		trouble{name: "the worker is killed", kills: true},
		trouble{name: "the node comes back with what was kept", do: back},
		trouble{name: "a node crashes", do: func() error { return cluster.Master(1).Restart() }},
		trouble{name: "a node is emptied", do: func() error { return cluster.Master(2).Do(e.ctx, "FLUSHALL") }},
		trouble{name: "the worker is killed while a node comes back with what was kept", kills: true, do: back},
	))
	require.Equal(t, 3, lives)
	got := e.outcome(want.customers)
	requireSameRest(t, want, got)
	adopted := int64(0)
	for i := range got.states {
		adopted += got.states[i].Adopted
	}
	require.Positive(t, adopted, "nobody's published future was lost")
	requireRecovered(t, want.changes, got.changes)
	for place, value := range want.customers {
		requireSameLedger(t, place, value, got.customers[place])
	}
}

// requireRecovered compares chains of which some links may be missing, with a
// recovery in their place.
func requireRecovered(t *testing.T, want, got []string) {
	t.Helper()
	wanted, chains := chains(t, want), chains(t, got)
	require.Equal(t, slices.Sorted(maps.Keys(wanted)), slices.Sorted(maps.Keys(chains)))
	recovered := 0
	for customer, chain := range chains {
		known := map[string]bool{}
		for _, c := range wanted[customer] {
			known[fmt.Sprint(c.To, c.EffectiveAt)] = true
		}
		stands := segment.None
		for i, c := range chain {
			require.EqualValues(t, i+1, c.Version, "customer %s", customer)
			require.Equal(t, stands, c.From, "customer %s, version %d", customer, c.Version)
			stands = c.To
			if c.recovery {
				recovered++
				continue
			}
			require.True(t, known[fmt.Sprint(c.To, c.EffectiveAt)], "customer %s, version %d: nothing like it in calm", customer, c.Version)
		}
		all := wanted[customer]
		require.Equal(t, all[len(all)-1].To, stands, "customer %s", customer)
		require.LessOrEqual(t, len(chain), len(all), "customer %s", customer)
	}
	require.Less(t, recovered, len(got)/10, "recoveries are the exception")
}

// link is a published change in a customer's chain.
type link struct {
	change.Head
	recovery bool
}

func chains(t *testing.T, changes []string) map[string][]link {
	all := map[string][]link{}
	for _, c := range changes {
		head, err := change.Parse([]byte(c))
		require.NoError(t, err)
		all[head.Customer] = append(all[head.Customer], link{head, strings.Contains(c, `"cause":{"kind":"recovery"}`)})
	}
	return all
}
