package source

import (
	"errors"

	"github.com/segmentio/kafka-go"
)

// OutOfRange tells that the log does not have the offset asked for: it begins
// behind it or ends before it.
func OutOfRange(err error) bool { return errors.Is(err, kafka.OffsetOutOfRange) }
