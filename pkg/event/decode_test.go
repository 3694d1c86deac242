package event_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

const (
	moment = "2026-03-01T10:00:00.123Z"
	ts     = int64(1772359200123) // the same
	hour   = int64(3_600_000)
	year   = int64(365 * 24 * 3_600_000)
)

func newDecoder(t testing.TB, p *policy.Policy) *event.Decoder {
	t.Helper()
	decoder, err := event.NewDecoder(p)
	require.NoError(t, err)
	return decoder
}

// plain is a record that no check of place or time concerns.
func plain() event.Record { return event.Record{Timestamp: ts, Latest: instant.None} }

func TestDecodeReadsEvents(t *testing.T) {
	p := policy.Default()
	p.Rates = map[string]string{"USD": "0.92", "JPY": "0.0061"}
	decoder := newDecoder(t, p)
	head := func(kind string) string {
		return `"id":"e-1","type":"` + kind + `","customer_id":"c-1","occurred_at":"` + moment + `"`
	}
	for name, test := range map[string]struct {
		members string
		want    event.Event
	}{
		"purchase without order_id": {head("purchase") + `,"amount":"12.34"`, event.Event{Type: event.Purchase, OrderID: "e-1", Amount: 1234}},
		"purchase with order_id":    {head("purchase") + `,"order_id":"o-1","amount":12.34`, event.Event{Type: event.Purchase, OrderID: "o-1", Amount: 1234}},
		"amount with an exponent":   {head("purchase") + `,"amount":1234e-2`, event.Event{Type: event.Purchase, OrderID: "e-1", Amount: 1234}},
		"free order":                {head("purchase") + `,"amount":"-0.000"`, event.Event{Type: event.Purchase, OrderID: "e-1"}},
		"base currency named":       {head("purchase") + `,"amount":1,"currency":"EUR"`, event.Event{Type: event.Purchase, OrderID: "e-1", Amount: 100}},
		"currency with a rate":      {head("purchase") + `,"amount":1,"currency":"USD"`, event.Event{Type: event.Purchase, OrderID: "e-1", Amount: 92}},
		"rounded half to even":      {head("purchase") + `,"amount":"0.25","currency":"USD"`, event.Event{Type: event.Purchase, OrderID: "e-1", Amount: 23}},
		"currency without decimals": {head("purchase") + `,"amount":"1000","currency":"JPY"`, event.Event{Type: event.Purchase, OrderID: "e-1", Amount: 610}},
		"refund of the whole order": {head("refund") + `,"order_id":"o-1"`, event.Event{Type: event.Refund, OrderID: "o-1", Whole: true}},
		"refund with a null amount": {head("refund") + `,"order_id":"o-1","amount":null`, event.Event{Type: event.Refund, OrderID: "o-1", Whole: true}},
		"refund of nothing":         {head("refund") + `,"order_id":"o-1","amount":0`, event.Event{Type: event.Refund, OrderID: "o-1"}},
		"refund in a currency":      {head("refund") + `,"order_id":"o-1","amount":"2","currency":"USD"`, event.Event{Type: event.Refund, OrderID: "o-1", Amount: 184}},
		"click":                     {head("click"), event.Event{Type: event.Click, Action: "click"}},
		"click with an action":      {head("click") + `,"action":"cart_add"`, event.Event{Type: event.Click, Action: "cart_add"}},
		"click of another shop":     {head("click") + `,"action":"` + strings.Repeat("z", 5000) + `"`, event.Event{Type: event.Click, Action: strings.Repeat("z", 5000)}},
		"forget":                    {head("forget"), event.Event{Type: event.Forget}},
		"null is absent": {
			head("purchase") + `,"amount":1,"order_id":null,"currency":null,"action":null,"properties":null`,
			event.Event{Type: event.Purchase, OrderID: "e-1", Amount: 100},
		},
		"fields of other types are passed over": {
			head("click") + `,"amount":"much","currency":7,"order_id":""`, event.Event{Type: event.Click, Action: "click"},
		},
		"an action is for clicks":   {head("forget") + `,"action":{}`, event.Event{Type: event.Forget}},
		"unknown fields and values": {head("forget") + `,"ID":1,"x":[{"id":2}],"properties":"none"`, event.Event{Type: event.Forget}},
	} {
		want := test.want
		want.ID, want.Customer, want.OccurredAt, want.Time = "e-1", "c-1", ts, ts
		var got event.Event
		require.Equal(t, event.OK, decoder.Decode([]byte("{"+test.members+"}"), plain(), &got), name)
		require.Equal(t, want, got, name)
	}
}

func TestTextIsUnescapedAndNothingElse(t *testing.T) {
	decoder := newDecoder(t, policy.Default())
	for raw, want := range map[string]string{
		`\u0041\u00e9\u20AC`:         "Aé€",
		`\ud83d\ude00`:               "😀",
		`\uD83D\uDE00x`:              "😀x",
		`\"\\\/\b\f\n\r\t`:           "\"\\/\b\f\n\r\t",
		`\u0000`:                     "\x00",
		`\ufeff\uffff\uFF26`:         "\ufeff\uffff\uff26",
		` A\u0020`:                   " A ",
		"e\u0301":                    "e\u0301", // not composed
		"K":                          "K",       // the Kelvin sign is no K
		"\u007f\u0080\U0010ffff":     "\u007f\u0080\U0010ffff",
		strings.Repeat(`\n`, 128):    strings.Repeat("\n", 128),
		`\\u0041`:                    `\u0041`,
		`\\\u0041`:                   `\A`,
		strings.Repeat("é", 64):      strings.Repeat("é", 64),
		strings.Repeat(`\u00e9`, 64): strings.Repeat("é", 64),
	} {
		value := fmt.Sprintf(`{"id":"%s","type":"click","customer_id":"c-1","action":"%s"}`, raw, raw)
		var ev event.Event
		require.Equal(t, event.OK, decoder.Decode([]byte(value), plain(), &ev), raw)
		require.Equal(t, want, ev.ID, raw)
		require.Equal(t, want, ev.Action, raw)
	}
}

func TestEventTimeIsTheEarlierOfTwo(t *testing.T) {
	decoder := newDecoder(t, policy.Default())
	for name, test := range map[string]struct {
		occurredAt string
		timestamp  int64
		want       int64
		reason     event.Reason
	}{
		"the producer's":                     {moment, ts + 1, ts, event.OK},
		"the broker's":                       {moment, ts - 1, ts - 1, event.OK},
		"only the broker's":                  {"", ts - 1, ts - 1, event.OK},
		"only the producer's":                {moment, -1, ts, event.OK},
		"none":                               {"", -1, 0, event.MissingField},
		"the first instant":                  {"", 0, 0, event.OK},
		"the broker's first instant":         {"1970-01-01T01:00:00Z", 0, 0, event.OK},
		"an hour and more after that":        {"1970-01-01T01:00:00.001Z", 0, 0, event.FutureDated},
		"a clock that is an hour fast":       {moment, ts - hour, ts - hour, event.OK},
		"a clock that is faster":             {moment, ts - hour - 1, 0, event.FutureDated},
		"year 9999":                          {"9999-12-31T23:59:59.999Z", ts, 0, event.FutureDated},
		"never future without a timestamp":   {"9999-12-31T23:59:59.999Z", -1, 253402300799999, event.OK},
		"the largest timestamp there can be": {moment, 1<<63 - 1, ts, event.OK},
	} {
		value := `{"id":"e-1","type":"forget","customer_id":"c-1"}`
		if test.occurredAt != "" {
			value = `{"id":"e-1","type":"forget","customer_id":"c-1","occurred_at":"` + test.occurredAt + `"}`
		}
		var ev event.Event
		reason := decoder.Decode([]byte(value), event.Record{Timestamp: test.timestamp, Latest: instant.None}, &ev)
		require.Equal(t, test.reason, reason, name)
		if reason != event.OK {
			continue
		}
		require.Equal(t, test.want, ev.Time, name)
		require.Equal(t, test.occurredAt == "", ev.OccurredAt == instant.None, name)
	}
}

func TestTooLateIsJudgedByTheHorizon(t *testing.T) {
	for name, test := range map[string]struct {
		kind    string
		horizon policy.Duration
		latest  int64
		want    event.Reason
	}{
		"the first of its partition":         {"click", 0, instant.None, event.OK},
		"just inside":                        {"click", 0, ts + year - 1, event.OK},
		"at the horizon":                     {"click", 0, ts + year, event.TooLate},
		"a forget is never late":             {"forget", 0, ts + 10*year, event.OK},
		"a longer late horizon, just inside": {"click", 366 * policy.Day, ts + year + 24*hour - 1, event.OK},
		"at the longer late horizon":         {"click", 366 * policy.Day, ts + year + 24*hour, event.TooLate},
		"a shorter late horizon is none":     {"click", 30 * policy.Day, ts + year - 1, event.OK},
	} {
		p := policy.Default()
		p.LateHorizon = test.horizon
		value := `{"id":"e-1","type":"` + test.kind + `","customer_id":"c-1","occurred_at":"` + moment + `"}`
		reason := newDecoder(t, p).Decode([]byte(value), event.Record{Timestamp: ts, Latest: test.latest}, new(event.Event))
		require.Equal(t, test.want, reason, name)
	}
}

func TestMisplacedIsJudgedByThePolicysPartitioner(t *testing.T) {
	const customer, n = "customer-0000123456", 12
	value := []byte(`{"id":"e-1","type":"click","customer_id":"` + customer + `"}`)
	for _, partitioner := range []partition.Partitioner{partition.Murmur2, partition.CRC32, partition.FNV1a} {
		p := policy.Default()
		p.Partitioner = partitioner.String()
		decoder := newDecoder(t, p)
		for i := range int32(n) {
			want := event.Misplaced
			if i == partitioner.Partition(customer, n) {
				want = event.OK
			}
			record := event.Record{Timestamp: ts, Partition: i, Partitions: n, Latest: instant.None}
			require.Equal(t, want, decoder.Decode(value, record, new(event.Event)), "%s, partition %d", partitioner, i)
		}
	}
}

func TestOversizedIsJudgedBeforeAnythingIsRead(t *testing.T) {
	p := policy.Default()
	p.MaxEventBytes = 48
	decoder := newDecoder(t, p)
	value := `{"id":"e-1","type":"forget","customer_id":"c-1"}`
	require.Len(t, value, 48)
	require.Equal(t, event.OK, decoder.Decode([]byte(value), plain(), new(event.Event)))
	require.Equal(t, event.Oversized, decoder.Decode([]byte(value+" "), plain(), new(event.Event)))
	require.Equal(t, event.Malformed, decoder.Decode([]byte(strings.Repeat("x", 48)), plain(), new(event.Event)))
	require.Equal(t, event.Oversized, decoder.Decode([]byte(strings.Repeat("x", 49)), plain(), new(event.Event)))
}

// sample is an event on its way to be spoilt.
type sample struct {
	fields map[string]string // JSON
	padded int               // bytes of white space around it
	suffix string
	record event.Record
}

func newSample(kind string) *sample {
	s := &sample{
		fields: map[string]string{"id": `"e-1"`, "type": `"` + kind + `"`, "customer_id": `"c-1"`, "occurred_at": `"` + moment + `"`},
		record: event.Record{Timestamp: ts, Partition: partition.Murmur2.Partition("c-1", 12), Partitions: 12, Latest: ts},
	}
	if kind == "purchase" || kind == "refund" {
		s.fields["order_id"], s.fields["currency"], s.fields["amount"] = `"o-1"`, `"EUR"`, `"1.00"`
	}
	return s
}

func (s *sample) value() []byte {
	var members []string
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		members = append(members, fmt.Sprintf("%q:%s", name, s.fields[name]))
	}
	return []byte("{" + strings.Join(members, ",") + "}" + strings.Repeat(" ", s.padded) + s.suffix)
}

// defect is one thing that can be wrong with events of some types.
type defect struct {
	name  string
	kinds string
	want  event.Reason
	spoil func(*sample)
}

func without(field string) func(*sample) { return func(s *sample) { delete(s.fields, field) } }

func with(field, value string) func(*sample) {
	return func(s *sample) { s.fields[field] = value }
}

const everyKind = "purchase refund click forget"

// defects in the order in which they are looked for.
var defects = []defect{
	{"oversized", everyKind, event.Oversized, func(s *sample) { s.padded = 1000 }},
	{"trailing bytes", everyKind, event.Malformed, func(s *sample) { s.suffix = "x" }},
	{"no id", everyKind, event.MissingField, without("id")},
	{"null id", everyKind, event.MissingField, with("id", "null")},
	{"empty id", everyKind, event.BadValue, with("id", `""`)},
	{"id too long", everyKind, event.BadValue, with("id", `"`+strings.Repeat("é", 64)+`i"`)},
	{"id a number", everyKind, event.BadValue, with("id", "1")},
	{"no type", everyKind, event.MissingField, without("type")},
	{"empty type", everyKind, event.BadValue, with("type", `""`)},
	{"type a list", everyKind, event.BadValue, with("type", `["purchase"]`)},
	{"unknown type", everyKind, event.UnknownType, with("type", `"Purchase"`)},
	{"no customer_id", everyKind, event.MissingField, without("customer_id")},
	{"customer_id a boolean", everyKind, event.BadValue, with("customer_id", "true")},
	{"customer_id too long", everyKind, event.BadValue, with("customer_id", `"`+strings.Repeat("c", 257)+`"`)},
	{"no time at all", everyKind, event.MissingField, func(s *sample) { delete(s.fields, "occurred_at"); s.record.Timestamp = -1 }},
	{"occurred_at no time", everyKind, event.BadValue, with("occurred_at", `"yesterday"`)},
	{"occurred_at empty", everyKind, event.BadValue, with("occurred_at", `""`)},
	{"occurred_at a number", everyKind, event.BadValue, with("occurred_at", "1772359200123")},
	{"no order_id", "refund", event.MissingField, without("order_id")},
	{"order_id empty", "purchase refund", event.BadValue, with("order_id", `""`)},
	{"order_id too long", "purchase refund", event.BadValue, with("order_id", `"`+strings.Repeat("o", 129)+`"`)},
	{"order_id a number", "purchase refund", event.BadValue, with("order_id", "7")},
	{"currency empty", "purchase refund", event.BadValue, with("currency", `""`)},
	{"currency a number", "purchase refund", event.BadValue, with("currency", "978")},
	{"currency without a rate", "purchase refund", event.UnknownCurrency, with("currency", `"USD"`)},
	{"currency in lower case", "purchase refund", event.UnknownCurrency, with("currency", `"eur"`)},
	{"no amount", "purchase", event.MissingField, without("amount")},
	{"amount empty", "purchase refund", event.BadValue, with("amount", `""`)},
	{"amount negative", "purchase refund", event.BadValue, with("amount", "-0.01")},
	{"amount in parts of cents", "purchase refund", event.BadValue, with("amount", `"1.005"`)},
	{"amount beyond int64", "purchase refund", event.BadValue, with("amount", "1e17")},
	{"amount an object", "purchase refund", event.BadValue, with("amount", "{}")},
	{"action empty", "click", event.BadValue, with("action", `""`)},
	{"action a number", "click", event.BadValue, with("action", "1")},
	{"misplaced", everyKind, event.Misplaced, func(s *sample) { s.record.Partition++ }},
	{"future dated", everyKind, event.FutureDated, func(s *sample) { s.record.Timestamp = ts - hour - 1 }},
	{"too late", "purchase refund click", event.TooLate, func(s *sample) { s.record.Latest = ts + 2*year }},
}

func TestTheFirstDefectIsTheReason(t *testing.T) {
	p := policy.Default()
	p.MaxEventBytes = 1000
	decoder := newDecoder(t, p)
	for _, kind := range strings.Fields(everyKind) {
		require.Equal(t, event.OK, decoder.Decode(newSample(kind).value(), newSample(kind).record, new(event.Event)), kind)
		for i, first := range defects {
			if !strings.Contains(first.kinds, kind) {
				continue
			}
			alone := newSample(kind)
			first.spoil(alone)
			require.Equal(t, first.want, decoder.Decode(alone.value(), alone.record, new(event.Event)), "%s: %s", kind, first.name)
			for _, second := range defects[i+1:] {
				both := newSample(kind)
				second.spoil(both)
				first.spoil(both) // last, in case both are about one field
				require.Equal(t, first.want, decoder.Decode(both.value(), both.record, new(event.Event)),
					"%s: %s and %s", kind, first.name, second.name)
			}
		}
	}
}

func TestEveryReasonIsReached(t *testing.T) {
	reached := map[event.Reason]bool{}
	for _, d := range defects {
		reached[d.want] = true
	}
	for _, reason := range event.Reasons {
		require.True(t, reached[reason], reason)
	}
}

func TestAmountsAboveInt64AfterConversion(t *testing.T) {
	p := policy.Default()
	p.Rates = map[string]string{"BHD": "2.44", "JPY": "1e3"}
	decoder := newDecoder(t, p)
	for members, want := range map[string]event.Reason{
		`"amount":"92233720368547758.07"`:                    event.OK,
		`"amount":"92233720368547758.08"`:                    event.BadValue,
		`"amount":"9223372036854775.807","currency":"BHD"`:   event.OK, // 2.25e18 cents
		`"amount":"9223372036854775.808","currency":"BHD"`:   event.BadValue,
		`"amount":"92233720368547","currency":"JPY"`:         event.OK,
		`"amount":"92233720368548","currency":"JPY"`:         event.BadValue,
		`"amount":"9223372036854775807","currency":"JPY"`:    event.BadValue,
		`"amount":"0e99999999999999999999","currency":"JPY"`: event.OK,
	} {
		value := `{"id":"e-1","type":"purchase","customer_id":"c-1",` + members + `}`
		require.Equal(t, want, decoder.Decode([]byte(value), plain(), new(event.Event)), members)
	}
}

func TestNewDecoderRefusesAnInvalidPolicy(t *testing.T) {
	p := policy.Default()
	p.Window, p.Partitioner = 0, "java"
	_, err := event.NewDecoder(p)
	require.ErrorContains(t, err, `preparing to decode under policy "default": partitioner: unknown partitioner "java"`)
	require.ErrorContains(t, err, "window: 0d holds no order")
}

func TestNamesOfTypesAndReasons(t *testing.T) {
	require.Equal(t, "refund", event.Refund.String())
	require.Equal(t, "type(0)", event.Type(0).String())
	require.Equal(t, "type(9)", event.Type(9).String())
	require.Equal(t, "[oversized malformed missing_field bad_value unknown_type unknown_currency misplaced future_dated too_late]",
		fmt.Sprint(event.Reasons))
	require.Equal(t, "ok", event.OK.String())
	require.Equal(t, "reason(10)", event.Reason(event.Count).String())
	require.Len(t, event.Reasons, event.Count-1)
}
