package recordbatch

import "fmt"

// Error is a batch that cannot be read. Reading never goes on behind it: what
// it holds is unknown, and to skip it would lose events without a word.
type Error struct {
	Offset  int64  // base offset of the batch
	Problem string // what is wrong
	Advice  string // what to do
	Again   bool   // the same bytes, fetched again, may be good
}

func (e *Error) Error() string {
	return fmt.Sprintf("reading the record batch at offset %d: %s; %s", e.Offset, e.Problem, e.Advice)
}

func damaged(offset int64, problem string) error {
	return &Error{
		Offset:  offset,
		Problem: "it is damaged: " + problem,
		Advice:  "fetch it again, and if that does not help let another replica lead the partition",
		Again:   true,
	}
}

func oldFormat(offset int64, magic byte) error {
	return &Error{
		Offset:  offset,
		Problem: fmt.Sprintf("message format %d, from before Kafka 0.11, is not supported", magic),
		Advice:  "copy the topic with a current producer, and read the copy",
	}
}

func newFormat(offset int64, magic byte) error {
	return &Error{
		Offset:  offset,
		Problem: fmt.Sprintf("message format %d is not known", magic),
		Advice:  "use a version of Tidemark that knows it",
	}
}

func unknownCodec(offset int64, codec Codec) error {
	return &Error{
		Offset:  offset,
		Problem: fmt.Sprintf("compression codec %d is not known", codec),
		Advice:  "use a version of Tidemark that knows it",
	}
}

func tooLarge(offset int64, limit int) error {
	return &Error{
		Offset:  offset,
		Problem: fmt.Sprintf("it unpacks to more than %d bytes", limit),
		Advice:  "find the producer that writes such batches, and read a copy of the topic without them",
	}
}

func cutShort(offset int64) error {
	return &Error{
		Offset:  offset,
		Problem: "the answer holds only a part of it",
		Advice:  "fetch with a larger byte limit for the partition",
	}
}
