package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/deadletter"
)

func TestALetterAsALine(t *testing.T) {
	for want, l := range map[string]deadletter.Letter{
		`{"reason":"malformed","topic":"purchases","partition":0,"offset":5,"key":null,"value":"hello"}`: {
			Reason: "malformed", Topic: "purchases", Offset: 5, Value: []byte("hello")},
		`{"reason":"malformed","topic":"purchases","partition":0,"offset":0,"key":null,"value":""}`: {
			Reason: "malformed", Topic: "purchases", Value: []byte{}},
		`{"reason":"malformed","topic":"purchases","partition":0,"offset":0,"key":null,"value":null}`: {
			Reason: "malformed", Topic: "purchases"},
		`{"reason":"too_late","topic":"clicks","partition":11,"offset":12345678901,"key":"c \"é\" <&>","value":"{\"id\":\"\u0000\b\t\n\f\r\u001f\\/` + "\u2028\u007f" + `\"}"}`: {
			Reason: "too_late", Topic: "clicks", Partition: 11, Offset: 12345678901,
			Key: []byte(`c "é" <&>`), Value: []byte("{\"id\":\"\x00\b\t\n\f\r\x1f\\/\u2028\x7f\"}")},
		`{"reason":"malformed","topic":"purchases","partition":0,"offset":1,"key":null,"value":"/w==","encoding":"base64"}`: {
			Reason: "malformed", Topic: "purchases", Offset: 1, Value: []byte{0xff}},
		`{"reason":"misplaced","topic":"purchases","partition":0,"offset":1,"key":"Yw==","value":"/w==","encoding":"base64"}`: {
			Reason: "misplaced", Topic: "purchases", Offset: 1, Key: []byte("c"), Value: []byte{0xff}},
		`{"reason":"misplaced","topic":"purchases","partition":0,"offset":1,"key":"7aCA","value":"Yw==","encoding":"base64"}`: {
			Reason: "misplaced", Topic: "purchases", Offset: 1, Key: []byte("\xed\xa0\x80"), Value: []byte("c")},
	} {
		require.Equal(t, want, string(AppendLetter(nil, &l)))
	}
}
