package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzState: whatever stands in a shard's hash, ParseState never panics; what it
// accepts can be worked with, and is written and read back the same.
func FuzzState(f *testing.F) {
	topics := []string{"clicks", "purchases"}
	f.Add("head\ntoken:7\npolicy\n3b1f0c9a27de\npartitions\n12\nclock\n1772359200123\npub\n9\nnext:clicks\n4\nlast:clicks\n3:ab12\n" +
		"max:clicks\n1772359200123\nn:clicks\nconsumed=4 applied=3 malformed=1\nsize:loyal\n2")
	f.Add("start\n{\"publish\":\"snapshot\",\"ends\":{\"clicks\":7},\"ended\":null}\nadopt\n{\"offsets\":{\"clicks\":7},\"stream_time\":1772359200123}")
	f.Add("adopt\n{}\nstart\nnull")
	f.Add("partitions\n4294967297\nnext:clicks\n-1\nlast:clicks\n-5:0\ndeleted\n1")
	f.Fuzz(func(t *testing.T, text string) {
		fields := map[string]string{}
		words := strings.Split(text, "\n")
		for i := 0; i+1 < len(words); i += 2 {
			fields[words[i]] = words[i+1]
		}
		s, err := ParseState(fields, topics)
		if err != nil {
			require.ErrorIs(t, err, ErrUnreadable)
			return
		}
		require.GreaterOrEqual(t, s.Partitions, int32(0))
		require.GreaterOrEqual(t, s.Pub, int64(0))
		for _, topic := range s.Topics {
			require.GreaterOrEqual(t, topic.Next, int64(0))
			require.GreaterOrEqual(t, topic.Last, int64(-1))
		}
		if s.Adopt != nil {
			require.NotNil(t, s.Adopt.Offsets, "it is written to")
		}
		written := map[string]string{}
		pairs := s.Fields(nil)
		for i := 0; i < len(pairs); i += 2 {
			written[pairs[i]] = pairs[i+1]
		}
		again, err := ParseState(written, topics)
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}
