package profile_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

func unsafeString(b []byte) string { return unsafe.String(&b[0], len(b)) }

// profiles draws profiles as events make them, with any published state.
func profiles() *rapid.Generator[profile.Profile] {
	return rapid.Custom(func(t *rapid.T) profile.Profile {
		pol := policy.Default()
		pol.Window = policy.Duration(rapid.SampledFrom([]int64{day, 90 * day}).Draw(t, "window"))
		pol.MaxLedgerOrders = rapid.SampledFrom([]int{3, 512}).Draw(t, "limit")
		evs := rapid.SliceOfN(events(100*day, event.Purchase, event.Purchase, event.Refund, event.Click, event.Forget), 0, 60).Draw(t, "events")
		p := profile.New()
		fold(&p, evs, pol)
		instants := rapid.OneOf(rapid.Just(profile.None), rapid.Int64Range(0, math.MaxInt64), rapid.Just(int64(0)))
		segments := rapid.Custom(func(t *rapid.T) segment.Segment {
			return segment.Segment(rapid.IntRange(0, segment.Count-1).Draw(t, "segment"))
		})
		p.Segment, p.Since = segments.Draw(t, "lifecycle"), instants.Draw(t, "since")
		p.Next, p.NextAt = segments.Draw(t, "next"), instants.Draw(t, "next at")
		p.Version = rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "version")
		p.Armed = instants.Draw(t, "armed")
		p.Mark = profile.Mark(rapid.IntRange(0, 2).Draw(t, "mark"))
		return p
	})
}

// visible is a profile without its caches and its slices' spare room.
func visible(p profile.Profile) profile.Profile {
	v := profile.New()
	v.Orders = nil
	for _, o := range p.Orders {
		v.Orders = append(v.Orders, profile.Order{
			ID: o.ID, Time: o.Time, Amount: o.Amount, AmountAt: o.AmountAt, LastAt: o.LastAt, Refunds: append([]profile.Refund(nil), o.Refunds...),
		})
	}
	v.Lifetime = p.Lifetime
	v.Lifetime.Days = append([]int32(nil), p.Lifetime.Days...)
	v.FirstSeen, v.LastSeen, v.Floor = p.FirstSeen, p.LastSeen, p.Floor
	v.ForgottenAt, v.ForgetID = p.ForgottenAt, p.ForgetID
	v.Segment, v.Since, v.Version, v.Next, v.NextAt = p.Segment, p.Since, p.Version, p.Next, p.NextAt
	v.Armed, v.Mark = p.Armed, p.Mark
	return v
}

func TestDecodeIsTheInverseOfAppend(t *testing.T) {
	used := profile.New() // decoding into a used profile is no different
	rapid.Check(t, func(t *rapid.T) {
		p := profiles().Draw(t, "profile")
		stored := p.Append(nil)
		kept := bytes.Clone(stored)

		require.NoError(t, used.Decode(stored))
		for i := range stored {
			stored[i] = 'x' // what was decoded shares nothing with it
		}
		require.Equal(t, visible(p), visible(used))
		require.Equal(t, string(kept), string(used.Append(nil)))
		checkCaches(t, &used)

		s := start + rapid.Int64Range(0, 200*day).Draw(t, "s")
		require.Equal(t, p.Expire(s, day), used.Expire(s, day), "the caches are as good as before")
		require.Equal(t, string(p.Append(nil)), string(used.Append(nil)))
	})
}

func TestFirstLine(t *testing.T) {
	p := profile.New()
	line, _, _ := strings.Cut(string(p.Append(nil)), "\n")
	require.Equal(t, `{"lifecycle":null,"since":null,"version":0,"next":null,"next_at":null}`, line)

	p.Segment, p.Since, p.Version, p.Next, p.NextAt = segment.Edge, start, 7, segment.Churned, start+90*day
	line, _, _ = strings.Cut(string(p.Append(nil)), "\n")
	require.Equal(t, `{"lifecycle":"edge","since":"2026-01-01T00:00:00.000Z","version":7,"next":"churned","next_at":"2026-04-01T00:00:00.000Z"}`, line)

	p.Segment, p.Since, p.Version, p.Next, p.NextAt = segment.Potential, math.MaxInt64, math.MaxInt64, segment.Churned, math.MaxInt64
	line, _, _ = strings.Cut(string(p.Append(nil)), "\n")
	require.Contains(t, line, `"next_at":"292278994-08-17T07:12:55.807Z"`)
	require.Less(t, len(line), 256, "readers take the first 256 bytes")
}

// Every content has one first line: anything else is damage.
func TestFirstLineHasOneSpelling(t *testing.T) {
	p := profile.New()
	p.Segment, p.Since, p.Version, p.Next, p.NextAt = segment.Edge, start, 70, segment.Churned, 253402300800000
	stored := string(p.Append(nil))
	require.NoError(t, p.Decode([]byte(stored)))
	require.Contains(t, stored, `"10000-01-01T00:00:00.000Z"`)
	for _, change := range [][2]string{
		{`{"lifecycle"`, `{ "lifecycle"`}, {`"edge"`, `"Edge"`}, {`"edge"`, `""`}, {`"edge"`, `"edges"`}, {`"edge"`, `"null"`}, {`"edge"`, `edge`},
		{`:70,`, `:070,`}, {`:70,`, `:-70,`}, {`:70,`, `:,`}, {`:70,`, `:7e1,`}, {`:70,`, `:9223372036854775808,`}, {`:70,`, `:18446744073709551686,`},
		{`2026-01-01T00:00:00.000Z`, `2026-01-01T00:00:00.0Z`}, {`2026-01-01T00:00:00.000Z`, `2026-01-01T00:00:00Z`},
		{`2026-01-01T00:00:00.000Z`, `2026-02-30T00:00:00.000Z`}, {`2026-01-01T00:00:00.000Z`, `1969-12-31T23:59:59.999Z`},
		{`2026-01-01T00:00:00.000Z`, `2026-01-01T00:00:00+00:00`}, {`2026-01-01T00:00:00.000Z`, ``}, {`2026-01-01T00:00:00.000Z`, `null`},
		{`10000-01`, `010000-01`}, {`10000-01`, `09999-01`}, {`10000-01`, `1000x-01`}, {`10000-01`, `292278994-09`}, {`10000-01`, `292278995-01`}, {`10000-01`, `999999999-01`}, {`10000-01`, `1000000000-01`},
		{"}\n", "}"}, {"}\n", "}\r\n"}, {"}\n", ",\"x\":1}\n"}, {`,"next":"churned"`, ``},
	} {
		damaged := strings.Replace(stored, change[0], change[1], 1)
		require.NotEqual(t, stored, damaged)
		require.ErrorContains(t, p.Decode([]byte(damaged)), "the first line is not", "%v", change)
		require.True(t, p.Empty(), "nothing is left of it")
	}
}

func TestInstantsOfTheFirstLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := profile.New(), profile.New()
		p.Since = rapid.Int64Range(0, math.MaxInt64).Draw(t, "since")
		require.NoError(t, q.Decode(p.Append(nil)))
		require.Equal(t, p.Since, q.Since)
	})
}

// update writes golden files that are missing. It never touches one that is
// there: the bytes of a schema that was once released stay as they are.
var update = flag.Bool("update", false, "write missing golden files")

// Golden profiles of schema version 1: the store of a running system is full of
// such bytes, and every later release must read them.
func TestSchema1IsReadable(t *testing.T) {
	for name, want := range goldenProfiles() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "schema1", name)
			golden, err := os.ReadFile(path)
			if *update && os.IsNotExist(err) {
				golden = want.Append(nil)
				require.NoError(t, os.WriteFile(path, golden, 0o644))
			}
			require.NoError(t, err)
			got := profile.New()
			require.NoError(t, got.Decode(golden))
			require.Equal(t, visible(want), visible(got))
			// To be dropped when schema version 2 comes; what stands above is for good.
			require.Equal(t, golden, got.Append(nil))
		})
	}
}

func goldenProfiles() map[string]profile.Profile {
	buyer := profile.New()
	buyer.Orders = []profile.Order{
		{ID: "o-9", Time: profile.None, AmountAt: profile.None, LastAt: start + 9, Refunds: []profile.Refund{{ID: 7, Whole: true}}},
		{ID: "o-1", Time: start, Amount: 1234, AmountAt: start, LastAt: start},
		{ID: "Bestellung-Ü", Time: start + day, Amount: math.MaxInt64, AmountAt: start + 2*day, LastAt: start + 3*day, Refunds: []profile.Refund{
			{ID: 0, Amount: 5}, {ID: 1 << 63, Amount: math.MaxInt64}, {ID: math.MaxUint64, Whole: true},
		}},
		{ID: "o-3", Time: start + 5*day, AmountAt: start + 5*day, LastAt: start + 5*day},
	}
	buyer.Lifetime = profile.Lifetime{
		Orders: 3, Amount: 900, FirstDayAmount: 300, Days: []int32{0, 19000, 19200}, First: 1, Last: 19200*day + day - 1,
	}
	buyer.FirstSeen, buyer.LastSeen, buyer.Floor = 0, start+6*day, 19200*day+day-1
	buyer.Segment, buyer.Since, buyer.Version, buyer.Next, buyer.NextAt = segment.Loyal, start, 7, segment.Edge, start+95*day
	buyer.Armed = start + 90*day

	forgotten := profile.New()
	forgotten.ForgottenAt, forgotten.ForgetID, forgotten.Version, forgotten.Armed = start, 0xdeadbeef, 3, start+horizon

	prospect := profile.New()
	prospect.FirstSeen, prospect.LastSeen, prospect.Mark = start, start, profile.Pending
	prospect.Segment, prospect.Since, prospect.Next, prospect.NextAt = segment.Potential, start, segment.Edge, start+30*day

	adopted := profile.New()
	adopted.Segment, adopted.Since, adopted.Version, adopted.Mark = segment.Churned, start, 1<<40, profile.Adopted

	return map[string]profile.Profile{
		"buyer": buyer, "forgotten": forgotten, "prospect": prospect, "adopted": adopted, "empty": profile.New(),
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	p := profile.New()
	p.FirstSeen, p.LastSeen = start, start
	stored := p.Append(nil)
	at := bytes.IndexByte(stored, '\n') + 1
	require.Equal(t, []byte{1 << 3, 1}, stored[at:at+2], "the schema version comes first")

	newer := bytes.Clone(stored[:at+2])
	newer[at+1] = 2
	newer = append(newer, 0xff, 0xff) // whatever a later release may mean by that
	err := p.Decode(newer)
	require.ErrorIs(t, err, profile.ErrNewer)
	require.EqualError(t, err, "decoding profile: schema version 2, known up to 1: "+
		"its schema is newer than this program: run the release that wrote it, or a later one")
	require.True(t, p.Empty())
}

func TestDamageIsRefused(t *testing.T) {
	line := `{"lifecycle":null,"since":null,"version":0,"next":null,"next_at":null}` + "\n"
	waiting := "\x12\x05\x28\x05\x32\x01" // order without purchase, refund cut off
	for name, message := range map[string]string{
		"no schema":                      "",
		"times before a schema":          "\x20\x01\x28\x01",
		"schema 0":                       "\x08\x00",
		"schema of another kind":         "\x0a\x00",
		"schema twice":                   "\x08\x01\x08\x01",
		"fields out of order":            "\x08\x01\x28\x05\x20\x05",
		"unknown field":                  "\x08\x01\x58\x05",
		"cut off in a field":             "\x08\x01\x20",
		"cut off in a message":           "\x08\x01" + waiting,
		"first seen without last seen":   "\x08\x01\x20\x05",
		"last seen before first seen":    "\x08\x01\x20\x05\x28\x04",
		"a time below 0":                 "\x08\x01\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"unknown mark":                   "\x08\x01\x50\x03",
		"forget id without tombstone":    "\x08\x01\x41\x01\x00\x00\x00\x00\x00\x00\x00",
		"forget id cut off":              "\x08\x01\x38\x05\x41\x01\x00",
		"forget id of another kind":      "\x08\x01\x38\x05\x40\x01\x00\x00\x00\x00\x00\x00\x00",
		"an order of nothing":            "\x08\x01\x12\x00",
		"an amount without a purchase":   "\x08\x01\x12\x06\x18\x05\x28\x05\x32\x00",
		"orders out of order":            "\x08\x01\x12\x05\x0a\x01b\x10\x05\x12\x05\x0a\x01a\x10\x05",
		"an order twice":                 "\x08\x01\x12\x05\x0a\x01a\x10\x05\x12\x05\x0a\x01a\x10\x05",
		"last beyond int64":              "\x08\x01\x12\x0c\x10\x05\x28\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"amount beyond int64":            "\x08\x01\x12\x16\x10\x05\x20\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x28\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"amount later than last":         "\x08\x01\x12\x04\x10\x05\x20\x01",
		"a refund twice":                 "\x08\x01\x12\x06\x10\x05\x32\x00\x32\x00",
		"refund of all with an amount":   "\x08\x01\x12\x08\x10\x05\x32\x04\x10\x05\x18\x01",
		"whole of 2":                     "\x08\x01\x12\x06\x10\x05\x32\x02\x18\x02",
		"lifetime of no orders":          "\x08\x01\x1a\x00",
		"lifetime without days":          "\x08\x01\x1a\x02\x08\x01",
		"lifetime with other days":       "\x08\x01\x1a\x05\x08\x01\x22\x01\x07",
		"lifetime day cut off":           "\x08\x01\x1a\x05\x08\x01\x22\x01\x80",
		"lifetime day that repeats":      "\x08\x01\x1a\x06\x08\x01\x22\x02\x00\x00",
		"lifetime days beyond all times": "\x08\x01\x1a\x0c\x08\x01\x22\x08\x00\xff\xff\xff\xff\xff\xff\x01",
	} {
		p := profile.New()
		err := p.Decode([]byte(line + message))
		require.ErrorContains(t, err, "damaged", name)
		require.NotErrorIs(t, err, profile.ErrNewer, name)
		require.True(t, p.Empty(), name)
	}
	p := profile.New()
	require.NoError(t, p.Decode([]byte(line+"\x08\x01\x1a\x05\x08\x01\x22\x01\x00")), "the line itself is sound")
}

// A producer may set a record's timestamp to int64's end; the days of such orders
// are all the last one.
func TestTheLastDayIsReadBack(t *testing.T) {
	p, last := profile.New(), math.MaxInt32*day
	p.Lifetime = profile.Lifetime{Orders: 1, Amount: 5, FirstDayAmount: 5, Days: []int32{math.MaxInt32}, First: last, Last: last}
	q := profile.New()
	require.NoError(t, q.Decode(p.Append(nil)))
	require.Equal(t, p.Lifetime, q.Lifetime)
}
