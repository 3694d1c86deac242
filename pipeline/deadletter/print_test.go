package deadletter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/sink"
)

func TestLettersAreShown(t *testing.T) {
	l := &Letter{Topic: "purchases", Partition: 3, Offset: 7, Reason: "malformed", RejectedAt: 1772359200123,
		Key: []byte("c-1"), Value: []byte("<\xff>"), Headers: []sink.Header{{Key: "h", Value: []byte("x")}, {Key: "null"}}}
	var text strings.Builder
	require.NoError(t, l.PrintJSON(&text, Place{1, 2}))
	require.Equal(t, `{"partition":1,"offset":2,"rejected_at":"2026-03-01T10:00:00.123Z","reason":"malformed",`+
		`"from":{"topic":"purchases","partition":3,"offset":7},"key":"c-1","value":null,"value_base64":"PP8+",`+
		`"headers":[{"key":"h","value":"x"},{"key":"null","value":null}]}`+"\n", text.String())

	text.Reset()
	require.NoError(t, l.PrintText(&text, Place{}))
	require.Equal(t, "2026-03-01T10:00:00.123Z  malformed         purchases/3@7  \"c-1\"  \"<\\xff>\"\n", text.String())

	text.Reset()
	l.Key, l.Value, l.Headers = nil, []byte(strings.Repeat("\x1b", 500)), nil
	require.NoError(t, l.PrintText(&text, Place{}))
	require.NotContains(t, text.String(), "\x1b", "a terminal obeys nothing that a producer wrote")
	require.Contains(t, text.String(), `"… (500 bytes)`)
	text.Reset()
	require.NoError(t, l.PrintJSON(&text, Place{}))
	require.Contains(t, text.String(), `"key":null,"value":"\u001b`)
}
