package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pkg/client"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	shards = 3
	since  = int64(1_767_225_600_000) // 2026-01-01
)

// store is a Redis with customers of two namespaces; of the damaged ones nothing
// can be read.
func store(t *testing.T, customers map[string]segment.Segment, damaged ...string) Options {
	o, _ := open(t, customers, damaged...)
	return o
}

func open(t *testing.T, customers map[string]segment.Segment, damaged ...string) (Options, *redis.Client) {
	mini := miniredis.RunT(t)
	for i := range int32(shards) {
		mini.HSet(keys.Of("shop", i).Shard(), "partitions", "3", "clock", fmt.Sprint(since+int64(i)))
	}
	mini.HSet(keys.Of("shop2", 0).Shard(), "partitions", "1")
	require.NoError(t, mini.Set(keys.Of("shop2", 0).Customer("other"), "no line"))
	for id, s := range customers {
		p := profile.New()
		p.Segment, p.Since, p.Version = s, since, 4
		if s == segment.None {
			p.Since = profile.None
		}
		if s == segment.Loyal {
			p.Next, p.NextAt = segment.Edge, since+1
		}
		key := keys.Of("shop", partition.Murmur2.Partition(id, shards)).Customer(id)
		require.NoError(t, mini.Set(key, string(p.Append(nil))))
	}
	for _, id := range damaged {
		require.NoError(t, mini.Set(keys.Of("shop", partition.Murmur2.Partition(id, shards)).Customer(id), "no line"))
	}
	r := redis.NewClient(&redis.Options{Addr: mini.Addr(), DisableIdentity: true})
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return Options{Namespace: namespace.Open(r, "shop"), Client: client.New(r, "shop"), Format: JSONL}, r
}

func export(t *testing.T, o Options) []string {
	var lines []string
	o.Line = func(line []byte) error { lines = append(lines, string(line)); return nil }
	listed, err := Run(t.Context(), o)
	require.NoError(t, err)
	if o.Format == CSV {
		require.Equal(t, "customer_id,lifecycle,since,version,next,next_at,stream_time", lines[0])
		lines = lines[1:]
	}
	require.Equal(t, int64(len(lines)), listed)
	slices.Sort(lines)
	return lines
}

// stories are customers whose ids try the formats.
var stories = map[string]segment.Segment{
	"c-1": segment.Loyal, "c,2": segment.Churned, `c "3"`: segment.Potential, "gone": segment.None,
}

func asOf(id string) string {
	return fmt.Sprintf("2026-01-01T00:00:00.%03dZ", partition.Murmur2.Partition(id, shards))
}

func TestLinesOfJSON(t *testing.T) {
	require.Equal(t, []string{
		`{"customer_id":"c \"3\"","lifecycle":"potential","since":"2026-01-01T00:00:00.000Z","version":4,"next":null,"next_at":null,"stream_time":"` + asOf(`c "3"`) + `"}`,
		`{"customer_id":"c,2","lifecycle":"churned","since":"2026-01-01T00:00:00.000Z","version":4,"next":null,"next_at":null,"stream_time":"` + asOf("c,2") + `"}`,
		`{"customer_id":"c-1","lifecycle":"loyal","since":"2026-01-01T00:00:00.000Z","version":4,"next":"edge","next_at":"2026-01-01T00:00:00.001Z","stream_time":"` + asOf("c-1") + `"}`,
	}, export(t, store(t, stories)))
}

func TestLinesOfCSV(t *testing.T) {
	o := store(t, stories)
	o.Format = CSV
	require.Equal(t, []string{
		`"c ""3""",potential,2026-01-01T00:00:00.000Z,4,,,` + asOf(`c "3"`),
		`"c,2",churned,2026-01-01T00:00:00.000Z,4,,,` + asOf("c,2"),
		`c-1,loyal,2026-01-01T00:00:00.000Z,4,edge,2026-01-01T00:00:00.001Z,` + asOf("c-1"),
	}, export(t, o))
	o.Segments = []segment.Segment{segment.Loyal, segment.Churned}
	require.Len(t, export(t, o), 2)
	o.Segments = []segment.Segment{segment.Edge}
	require.Empty(t, export(t, o))
}

func TestManyCustomers(t *testing.T) {
	all := map[string]segment.Segment{}
	for i := range 5000 {
		all[fmt.Sprintf("c-%d", i)] = segment.Segment(i%(segment.Count-1)) + 1
	}
	o := store(t, all)
	var told []int64
	o.Progress = func(read int64) { told = append(told, read) }
	o.Segments = []segment.Segment{segment.Edge}
	lines := export(t, o)
	require.Len(t, lines, 1250)
	require.Len(t, slices.Compact(lines), 1250, "each once")
	for _, line := range lines {
		require.True(t, strings.Contains(line, `"lifecycle":"edge"`), line)
	}
	require.True(t, slices.IsSorted(told))
	require.Equal(t, int64(5000), told[len(told)-1])
}

// pages makes two answers of each scan's one, as a Redis with many keys does.
type pages struct {
	rest []string
}

func (p *pages) DialHook(next redis.DialHook) redis.DialHook { return next }

func (p *pages) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (p *pages) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		scan, ok := cmd.(*redis.ScanCmd)
		if !ok {
			return next(ctx, cmd)
		}
		if scan.Args()[1] != uint64(0) {
			scan.SetVal(p.rest, 0)
			return nil
		}
		err := next(ctx, cmd)
		all, _ := scan.Val()
		p.rest = all[len(all)/2:]
		scan.SetVal(all[:len(all)/2], 1)
		return err
	}
}

func TestEveryAnswerOfRedisIsListed(t *testing.T) {
	all := map[string]segment.Segment{}
	for i := range 100 {
		all[fmt.Sprintf("c-%d", i)] = segment.Edge
	}
	o, r := open(t, all)
	r.AddHook(&pages{})
	var told []int64
	o.Progress = func(read int64) { told = append(told, read) }
	require.Len(t, export(t, o), 100)
	require.Len(t, told, 2)
	require.EqualValues(t, 100, told[1])
}

func TestWhatEndsAnExport(t *testing.T) {
	o := store(t, stories)
	full := errors.New("no space left")
	o.Line = func([]byte) error { return full }
	for _, format := range []Format{JSONL, CSV} {
		o.Format = format
		_, err := Run(t.Context(), o)
		require.ErrorIs(t, err, full)
	}
	o.Line = func([]byte) error { return nil }
	over, end := context.WithCancel(t.Context())
	end()
	_, err := Run(over, o)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "exporting the segments")

	o = store(t, stories, "c-9")
	o.Line = func([]byte) error { return nil }
	_, err = Run(t.Context(), o)
	require.ErrorContains(t, err, `customer "c-9"`, "a list that lacks somebody must not look like a whole one")

	_, err = ParseFormat("xml")
	require.ErrorContains(t, err, "write jsonl or csv")
}
