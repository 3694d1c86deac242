package deadletter

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/tidemark/tidemark/pkg/instant"
)

// shown is a letter as a line of JSON. Bytes that are no text are in base64, in a
// field of another name.
type shown struct {
	Partition   int32   `json:"partition"` // of the dead-letter topic
	Offset      int64   `json:"offset"`
	RejectedAt  string  `json:"rejected_at"`
	Reason      string  `json:"reason"`
	From        origin  `json:"from"`
	Key         *string `json:"key"`
	KeyBase64   string  `json:"key_base64,omitempty"`
	Value       *string `json:"value"`
	ValueBase64 string  `json:"value_base64,omitempty"`
	Headers     []pair  `json:"headers,omitempty"`
}

// origin is where the record was read.
type origin struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

type pair struct {
	Key         string  `json:"key"`
	Value       *string `json:"value"`
	ValueBase64 string  `json:"value_base64,omitempty"`
}

// PrintJSON writes the letter as one line.
func (l *Letter) PrintJSON(w io.Writer, at Place) error {
	s := shown{Partition: at.Partition, Offset: at.Offset, RejectedAt: instant.Format(l.RejectedAt), Reason: l.Reason,
		From: origin{l.Topic, l.Partition, l.Offset}}
	s.Key, s.KeyBase64 = text(l.Key)
	s.Value, s.ValueBase64 = text(l.Value)
	for _, h := range l.Headers {
		p := pair{Key: h.Key}
		p.Value, p.ValueBase64 = text(h.Value)
		s.Headers = append(s.Headers, p)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&s); err != nil {
		return fmt.Errorf("writing a dead letter: %w", err)
	}
	return nil
}

// text is bytes as a string, or in base64 where they are none. Null has neither.
func text(b []byte) (plain *string, encoded string) {
	switch {
	case b == nil:
		return nil, ""
	case utf8.Valid(b):
		s := string(b)
		return &s, ""
	default:
		return nil, base64.StdEncoding.EncodeToString(b)
	}
}

// excerpt is how many bytes of a value a line of text shows.
const excerpt = 120

// PrintText writes the letter as one line for people, the value cut short and
// what a terminal would obey in quotes.
func (l *Letter) PrintText(w io.Writer, _ Place) error {
	value, more := l.Value, ""
	if len(value) > excerpt {
		value, more = value[:excerpt], fmt.Sprintf("… (%d bytes)", len(l.Value))
	}
	if _, err := fmt.Fprintf(w, "%s  %-16s  %s/%d@%d  %q  %q%s\n", instant.Format(l.RejectedAt), l.Reason, l.Topic, l.Partition, l.Offset, l.Key, value, more); err != nil {
		return fmt.Errorf("writing a dead letter: %w", err)
	}
	return nil
}
