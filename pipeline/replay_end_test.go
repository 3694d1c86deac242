package pipeline

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
)

// control makes the batch at a place of a log one of control records, which are
// not for readers.
func control(raw []byte) {
	binary.BigEndian.PutUint16(raw[21:], binary.BigEndian.Uint16(raw[21:])|0x30)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:size(raw)], crc32.MakeTable(crc32.Castagnoli)))
}

func TestAReplayEndsWhereTheLogsEndedWhenItBegan(t *testing.T) {
	at := ms(t, "2026-02-01T00:00:00Z")
	behind := map[string]func(*bench){
		"nothing": func(*bench) {},
		"a purchase": func(b *bench) {
			b.append(t, "purchases", at, purchase("e3", "c-2", "2026-01-02T10:00:00Z", "1"))
		},
		"a bad record": func(b *bench) { b.append(t, "purchases", at, "bad") },
		"a control record": func(b *bench) {
			from := len(b.logs["purchases"])
			b.append(t, "purchases", at, "")
			control(b.logs["purchases"][from:])
		},
	}
	for name, late := range behind {
		for _, fetch := range []int{1, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", name, fetch), func(t *testing.T) {
				b := newBench(t, func(c *ShardConfig) {
					c.Limits.FetchBytes = fetch
					c.Until = ms(t, "2027-01-01T00:00:00Z")
				})
				b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
				b.append(t, "clicks", at, `{"id":"e2","type":"click","customer_id":"c-1","occurred_at":"2026-01-03T10:00:00Z"}`)
				b.drive(nil) // the replay begins
				require.Equal(t, map[string]int64{"clicks": 1, "purchases": 1}, b.shard.state.Start.Ends)
				late(b)
				b.run()
				require.Nil(t, b.shard.Stopped())
				require.True(t, b.shard.Finished())
				require.EqualValues(t, 1, b.state.Topics[1].Next)
				require.EqualValues(t, 1, b.state.Topics[1].Counts.Consumed)
				require.Zero(t, b.letters)
				require.Equal(t, []string{
					"c-1 1 null>potential event 2026-01-01T10:00:00.000Z",
					"c-1 2 potential>edge timer 2026-04-01T10:00:00.000Z",
					"c-1 3 edge>churned timer 2026-06-30T10:00:00.000Z",
				}, b.story(t))
				places := map[string]int{}
				for _, r := range b.sent[1:] {
					places[string(r.Headers[7].Value)]++
				}
				require.Equal(t, map[string]int{`{"offsets":{"clicks":1,"purchases":1},"stream_time":"2027-01-01T00:00:00.000Z"}`: 2}, places)
			})
		}
	}
}

func TestAReplayThatIsTakenUpAgainKeepsItsEnd(t *testing.T) {
	b := newBench(t, nil)
	at := ms(t, "2026-02-01T00:00:00Z")
	b.append(t, "purchases", at, purchase("e1", "c-1", "2026-01-01T10:00:00Z", "1"))
	b.run()
	b.append(t, "purchases", at, purchase("e2", "c-1", "2026-01-02T10:00:00Z", "1"))
	b.again(t, nil)
	require.True(t, b.shard.Finished())
	require.EqualValues(t, 1, b.state.Topics[1].Next)
}
