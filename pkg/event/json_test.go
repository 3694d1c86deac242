package event_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/policy"
)

const head = `"id":"e-1","type":"forget","customer_id":"c-1"`

// around places a value in a field that an event may hold and nobody reads.
func around(value string) string { return `{` + head + `,"properties":` + value + `}` }

func many(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(`"n%d":%d`, i, i)
	}
	return strings.Join(names, ",")
}

func TestMalformed(t *testing.T) {
	decoder := newDecoder(t, policy.Default())
	for reason, documents := range map[string][]string{
		"nothing":        {"", " ", "\n\t\r "},
		"no object":      {"null", `"x"`, "1", "[]", "true", "[{}]", "hello", "{", "}"},
		"bytes around":   {"{" + head + "}x", "{" + head + "}{}", "x{" + head + "}", "{" + head + "},", "{" + head + "}\x00", "\x00{" + head + "}", "{" + head + "}\v", "\u00a0{" + head + "}", "{" + head + "}// c"},
		"byte order":     {"\ufeff{" + head + "}", "{\ufeff" + head + "}", "{" + head + "}\ufeff", "{\x00\"\x00i\x00d\x00"},
		"truncated":      {`{"`, `{"id`, `{"id"`, `{"id":`, `{"id":"`, `{"id":"e`, `{"id":"e"`, `{"id":"e",`, `{"id":"e\`, `{"id":"\u`, `{"id":"\u00e`, `{"id":-`, `{"id":1.`, `{"id":tru`, `{"id":[`, `{"id":[1`, `{"id":[1,`},
		"commas":         {`{,}`, `{` + head + `,}`, `{,` + head + `}`, `{` + head + `,,"x":1}`, around(`[,]`), around(`[1,]`), around(`[,1]`), around(`[1 2]`), around(`{"a":1 "b":2}`), around(`{"a":1,}`)},
		"colons":         {`{"id"}`, `{"id" "e"}`, `{"id",1}`, `{"id"::1}`, `{:1}`, around(`{"a"=1}`), around(`["a":1]`)},
		"names":          {`{id:"e"}`, `{'id':"e"}`, `{1:2}`, `{null:1}`, `{"a\q":1}`, around(`{a:1}`), around("{\"a\nb\":1}")},
		"brackets":       {around(`[1}`), around(`{"a":1]`), around(`[`), around(`]`), around(`(1)`)},
		"literals":       {around("nul"), around("nulll"), around("nulx"), around("trux"), around("falsy"), around("Null"), around("TRUE"), around("fals"), around("undefined"), around("NaN"), around("Infinity"), around("-Infinity"), around("'x'")},
		"numbers":        {around("01"), around("-01"), around("00"), around("+1"), around(".5"), around("-.5"), around("5."), around("1.e3"), around("1e"), around("1e+"), around("1E-"), around("-"), around("--1"), around("0x1"), around("1_0"), around("1e1.5"), around("1a"), around("١")},
		"escapes":        {around(`"\q"`), around(`"\x41"`), around(`"\U0041"`), around(`"\u12g4"`), around(`"\u12"`), around(`"\u 123"`), around(`"\u+123"`), around(`"\"`), around("\"\\\n\"")},
		"control":        {around("\"\x00\""), around("\"\x1f\""), around("\"\n\""), around("\"\t\"")},
		"half pairs":     {around(`"\ud800"`), around(`"\uDBFFx"`), around(`"\udc00"`), around(`"\udfff\ud800"`), around(`"\ud83d\n"`), around(`"\ud83d\\ude00"`), around(`"\ud83d\u0041"`), around(`"\ud83dxude00"`), around(`"\ud83d\nde00"`), around(`"\ud83d\ud83d\ude00"`), around(`{"\ud800":1}`), `{` + head + `,"\udead":1}`, strings.Replace("{"+head+"}", "e-1", `\ud800`, 1)},
		"UTF-8":          {around("\"\xff\""), around("\"\xc0\xaf\""), around("\"\xed\xa0\x80\""), around("\"\xf5\x80\x80\x80\""), around("\"\xe2\x82\""), around("\"\x80\""), around("\"caf\xe9\""), around("{\"\xc3\":1}"), strings.Replace("{"+head+"}", "c-1", "\xf4\x90\x80\x80", 1)},
		"a name twice":   {`{` + head + `,"id":"e-1"}`, `{` + head + `,"\u0069d":null}`, `{"id":null,` + head + `}`, `{` + head + `,"x":1,"x":1}`, `{` + head + `,"":1,"":2}`, `{` + head + `,"é":1,"\u00e9":2}`, `{` + head + `,"a\/b":1,"a/b":2}`, `{` + head + `,"😀":1,"\ud83d\ude00":2}`},
		"twice inside":   {around(`{"a":1,"a":1}`), around(`{"a":{"b":1,"b":2}}`), around(`[{},{"a":1,"b":{"a":1},"a":2}]`), around(`{"a":{"x":1},"b":[{"a":1}],"a":0}`)},
		"twice in many":  {around(`{` + many(15) + `,"n0":0}`), around(`{` + many(16) + `,"n15":0}`), around(`{` + many(17) + `,"n0":0}`), around(`{` + many(17) + `,"n16":0}`), around(`{` + many(1000) + `,"\u006e500":0}`), `{` + many(100) + `,` + head + `,"n99":1}`, around(`{"a":{` + many(40) + `},` + many(40) + `,"a":1}`), around(`{` + many(40) + `,"x":{` + many(40) + `},"n3":1}`)},
		"65 levels":      {around(strings.Repeat("[", 64) + strings.Repeat("]", 64)), around(strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)), around(strings.Repeat(`[{"a":`, 32) + "[]" + strings.Repeat("}]", 32))},
		"without an end": {around(strings.Repeat("[", 1<<19)), strings.Repeat("{", 1<<20), strings.Repeat(`{"a":`, 1<<17), strings.Repeat("[", 1<<20)},
	} {
		for _, document := range documents {
			require.Equal(t, event.Malformed, decoder.Decode([]byte(document), plain(), new(event.Event)), "%s: %.300q", reason, document)
		}
	}
}

func TestWellFormed(t *testing.T) {
	decoder := newDecoder(t, policy.Default())
	for reason, documents := range map[string][]string{
		"white space":             {" \t\r\n{ \t\r\n" + strings.NewReplacer(":", " : ", ",", "\n,\r\t").Replace(head) + " } \n"},
		"empty values":            {around("{}"), around("[]"), around(`""`), around("[ ]"), around("{\n}"), around("[[],{},\"\"]")},
		"literals":                {around("[true,false,null]")},
		"numbers":                 {around("[0,-0,0.0,-0.0e+00,10,1.5,1e5,1E+5,1e-05,-1.25e-7,123456789012345678901234567890,1e999999999]")},
		"names are bytes":         {around(`{"a":1,"A":2," a":3,"a ":4,"\u00e1":5,"a\u0301":6,"":7,"\u0000":8}`), `{` + head + `,"Id":1,"ID":2,"id ":3}`},
		"the same in two objects": {around(`[{"a":1},{"a":1,"b":{"a":1,"b":2}},{"a":1}]`), around(`{"id":1,"type":2,"n":{"id":1}}`)},
		"many names":              {around("{" + many(16) + "}"), around("{" + many(17) + "}"), around("{" + many(5000) + "}"), around(`[{` + many(40) + `},{` + many(40) + `}]`), around(`{"a":{` + many(40) + `},` + many(40) + `}`), `{` + many(40) + `,` + head + `}`},
		"64 levels":               {around(strings.Repeat("[", 63) + strings.Repeat("]", 63)), around(strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63)), around(`[` + strings.Repeat(strings.Repeat("[", 62)+strings.Repeat("]", 62)+",", 9) + `1]`)},
		"text":                    {around(`"\u0000\u001f\uffff\ufffe\u2028"`), around("\"\u2028\u2029\ufeff\U0010ffff\x7f\""), around(`"\ud83d\ude00\ud83d\ude00"`), around("\"\ufffd\"")},
	} {
		for _, document := range documents {
			require.True(t, json.Valid([]byte(document)), "%s: %.300q", reason, document)
			require.Equal(t, event.OK, decoder.Decode([]byte(document), plain(), new(event.Event)), "%s: %.300q", reason, document)
		}
	}
}

// Each byte of a text lies once on every place of the words that are looked at eight bytes at a time.
func TestEveryByteAtEveryPlace(t *testing.T) {
	decoder := newDecoder(t, policy.Default())
	for c := range 256 {
		for place := range 20 {
			text := []byte(strings.Repeat("x", 20))
			text[place] = byte(c)
			document := []byte(`{` + head + `,"u":"` + string(text) + `"}`)
			want := event.OK
			if c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
				want = event.Malformed
			}
			require.Equal(t, want, decoder.Decode(document, plain(), new(event.Event)), "%#x at %d", c, place)
		}
	}
}

// The largest values take milliseconds. The bound is for what would take a minute, on a machine that has other things to do.
func TestHostileValuesTakeLinearTime(t *testing.T) {
	decoder := newDecoder(t, policy.Default())
	const size = 1<<20 - 200
	fill := func(piece string) string { return strings.Repeat(piece, size/len(piece)) }
	var names, nested strings.Builder
	for i := 0; names.Len() < size-20; i++ {
		fmt.Fprintf(&names, `"%x":0,`, i)
	}
	for i := 0; nested.Len() < size-300; i++ {
		fmt.Fprintf(&nested, `{%s},`, many(18))
	}
	long := strings.Repeat("n", size/17)
	var alike strings.Builder
	for i := range 16 {
		fmt.Fprintf(&alike, `"%s%c":0,`, long, 'a'+i)
	}
	for name, test := range map[string]struct {
		document string
		want     event.Reason
	}{
		"names":                {around("{" + names.String() + `"z":0}`), event.OK},
		"names and one twice":  {around("{" + names.String() + `"0":0}`), event.Malformed},
		"objects with many":    {around("[" + nested.String() + "0]"), event.OK},
		"long names alike":     {around("{" + alike.String() + `"z":0}`), event.OK},
		"escapes":              {around(`"` + fill(`\u00e9`) + `"`), event.OK},
		"an id of escapes":     {`{"id":"` + fill(`\ud83d\ude00`) + `"}`, event.BadValue},
		"a name of escapes":    {around(`{"` + fill(`\n`) + `":0}`), event.OK},
		"characters":           {around(`"` + fill("é") + `"`), event.OK},
		"white space":          {fill(" ") + "{" + head + "}", event.OK},
		"digits of an amount":  {`{"id":"e-1","type":"purchase","customer_id":"c-1","amount":0.` + fill("0") + `}`, event.OK},
		"digits of exponents":  {`{"id":"e-1","type":"purchase","customer_id":"c-1","amount":1e` + fill("9") + `}`, event.BadValue},
		"lists":                {around("[" + fill("[],") + "0]"), event.OK},
		"a hundred thousand 0": {around("[" + fill("0,") + "0]"), event.OK},
	} {
		require.LessOrEqual(t, len(test.document), 1<<20, name)
		start := time.Now()
		require.Equal(t, test.want, decoder.Decode([]byte(test.document), plain(), new(event.Event)), name)
		require.Less(t, time.Since(start), 30*time.Second, name)
	}
	// And afterwards an ordinary event costs what it did.
	ordinary, ev := []byte(benchmarks[0].value), event.Event{}
	require.Zero(t, testing.AllocsPerRun(100, func() { decoder.Decode(ordinary, plain(), &ev) }))
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	p := policy.Default()
	p.Rates = map[string]string{"USD": "0.92"}
	decoder := newDecoder(t, p)
	var ev event.Event
	for _, b := range benchmarks {
		value := []byte(b.value)
		require.Zero(t, testing.AllocsPerRun(100, func() { decoder.Decode(value, plain(), &ev) }), b.name)
	}
	value := []byte(around("{" + many(100) + "}"))
	require.Zero(t, testing.AllocsPerRun(100, func() { decoder.Decode(value, plain(), &ev) }), "many names")
	value = []byte(around(`{"\u0061":1,"\u0062":2}`))
	require.Zero(t, testing.AllocsPerRun(100, func() { decoder.Decode(value, plain(), &ev) }), "names with escapes")
}

// A rejected value may end anywhere, with objects open and names noted.
func TestNothingRemainsOfThePreviousValue(t *testing.T) {
	decoder := newDecoder(t, policy.Default())
	for _, rest := range []string{`{"u":{"a":1,"b":[{"c":`, `{"id":"old","type":"click","customer_id":"old","action":"old"`, around(`{` + many(40)), `{"\u0075":{"\u0061":`} {
		require.Equal(t, event.Malformed, decoder.Decode([]byte(rest), plain(), new(event.Event)))
		require.Equal(t, event.OK, decoder.Decode([]byte(`{`+head+`,"u":{"a":1,"b":[{"c":1}]},`+many(40)+`}`), plain(), new(event.Event)))
		require.Equal(t, event.MissingField, decoder.Decode([]byte(`{"type":"click"}`), plain(), new(event.Event)))
	}
}
