package sink

import "context"

// sendBytes is what is sent at once: just below the brokers' default limit.
const sendBytes = 1 << 20

// Log writes a batch of records; *Producer does.
type Log interface {
	Produce(ctx context.Context, topic string, partition int32, records []Record) (base int64, err error)
}

// Send writes records in batches of a size that the topic takes, in their order,
// and returns how many are acknowledged. After an error, that many need not be
// sent again; of the others some may have been written all the same. TooLarge
// tells that the first of them is too large by itself.
func Send(ctx context.Context, to Log, topic string, partition int32, records []Record) (sent int, err error) {
	for limit := sendBytes; sent < len(records); {
		n := Fit(records[sent:], limit)
		_, err := to.Produce(ctx, topic, partition, records[sent:sent+n])
		switch {
		case err == nil:
			sent += n
		case n > 1 && TooLarge(err):
			limit /= 2 // nothing of it was written; a topic's limit may be lower than usual
		default:
			return sent, err
		}
	}
	return sent, nil
}
