package event_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
)

// The values that a field is given, as JSON: mostly good ones, so that late checks are reached.
var values = map[string][]string{
	"id":          {`"e-1"`, `"e-2"`, `"\u0065-3"`, `"` + strings.Repeat("é", 64) + `"`, `"` + strings.Repeat("i", 129) + `"`, `""`, `null`, `7`},
	"type":        {`"purchase"`, `"purchase"`, `"refund"`, `"click"`, `"forget"`, `"\u0063lick"`, `"Click"`, `"click "`, `""`, `null`, `{}`},
	"customer_id": {`"c-4"`, `"c-4"`, `"c-0"`, `"c-3"`, `"\ud83d\ude00"`, `"` + strings.Repeat("c", 256) + `"`, `"` + strings.Repeat("c", 257) + `"`, `""`, `null`, `[]`},
	"occurred_at": {
		`"2026-03-01T10:00:00.123Z"`, `"2026-03-01T15:45:00.1239+05:45"`, `"2026-03-01T11:00:00.123Z"`, `"2026-03-01T11:00:00.124Z"`,
		`"2025-03-01T10:00:00.124Z"`, `"2025-03-01T10:00:00.123Z"`, `"2026-02-29T00:00:00Z"`, `"1969-12-31T23:59:59Z"`, `""`, `null`, `0`,
	},
	"order_id": {`"o-1"`, `"o-2"`, `"` + strings.Repeat("o", 128) + `"`, `"` + strings.Repeat("o", 129) + `"`, `""`, `null`, `true`},
	"currency": {`"EUR"`, `"USD"`, `"JPY"`, `"BHD"`, `"U\u0053D"`, `"eur"`, `"GBP"`, `""`, `null`, `978`},
	"amount": {
		`"12.34"`, `12`, `1234e-2`, `"\u0031"`, `-0`, `"0e999999999"`, `0.005`, `"1e-3"`, `"0.125"`, `92233720368547758.07`, `92233720368547758.08`,
		`"-1"`, `"1,5"`, `"01"`, `""`, `null`, `false`, `[]`,
	},
	"action":     {`"view"`, `"x"`, `"` + strings.Repeat("a", 300) + `"`, `""`, `null`, `3`},
	"properties": {`{}`, `{"id":1,"a":[1,{"b":null}]}`, `[[[]]]`, `{"a":1,"a":2}`, `null`, `"x"`, `{"a":"\ud800"}`},
	"Id":         {`1`, `null`, `[1,2.5e3,true,false,"x"]`},
	"":           {`1`, `{"":{"":[]}}`},
}

var fieldNames = []string{"id", "type", "customer_id", "occurred_at", "order_id", "currency", "amount", "action", "properties", "Id", ""}

// document draws an event in any order and with white space, in which fields are missing, one may be given twice, and most
// values are good: each check has to be reached.
func document(t *rapid.T) []byte {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n", "\t\r\n "})
	names := rapid.Permutation(fieldNames).Draw(t, "order")
	names = slices.DeleteFunc(names, func(name string) bool { return rapid.IntRange(0, 9).Draw(t, "missing") == 9 })
	if len(names) > 0 && rapid.IntRange(0, 19).Draw(t, "twice") == 19 {
		names = append(names, rapid.SampledFrom(names).Draw(t, "again"))
	}
	var members []string
	for _, name := range names {
		quoted, err := json.Marshal(name)
		require.NoError(t, err)
		good := min(3, len(values[name])) // the first of each list
		value := values[name][rapid.IntRange(0, good-1).Draw(t, name)]
		if rapid.IntRange(0, 9).Draw(t, "odd") == 9 {
			value = rapid.SampledFrom(values[name]).Draw(t, name)
		}
		members = append(members, space.Draw(t, "space")+string(quoted)+space.Draw(t, "space")+":"+space.Draw(t, "space")+value)
	}
	return []byte("{" + strings.Join(members, space.Draw(t, "space")+",") + space.Draw(t, "space") + "}" + space.Draw(t, "space"))
}

func TestDecodeAgreesWithTheReference(t *testing.T) {
	const ts = 1772359200123 // 2026-03-01T10:00:00.123Z
	p := fuzzPolicy()
	decoder, err := event.NewDecoder(p)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		value := document(t)
		record := event.Record{
			Timestamp:  rapid.SampledFrom([]int64{-1, ts, ts, ts + 1, ts - 1}).Draw(t, "timestamp"),
			Partitions: rapid.SampledFrom([]int32{0, 1, 2}).Draw(t, "partitions"),
			Latest:     rapid.SampledFrom([]int64{instant.None, ts, ts + p.Horizon() - 1, ts + p.Horizon()}).Draw(t, "latest"),
		}
		want := reference{policy: p, record: record}
		wanted := want.decode(value)
		var got event.Event
		reason := decoder.Decode(value, record, &got)
		require.Equal(t, wanted.String(), reason.String(), "%s", value)
		if reason == event.OK {
			require.Equal(t, want.event, got, "%s", value)
		}
	})
}
