package sink

import (
	"errors"

	"github.com/segmentio/kafka-go"
)

// TooLarge tells that the topic refuses a request for its size. Nothing of it was
// written; fewer records at once may go.
func TooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}
