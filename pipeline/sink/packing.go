package sink

import "context"

// packing is what Packing makes.
type packing struct{ to, packed Log }

// Packing makes a Log that sends through packed, which compresses, a record that
// its topic does not take as it is. A topic's limit is of compressed bytes, so
// what a producer wrote compressed to one topic may be too large for the next
// with the same limit.
func Packing(to, packed Log) Log { return packing{to, packed} }

func (p packing) Produce(ctx context.Context, topic string, partition int32, records []Record) (int64, error) {
	base, err := p.to.Produce(ctx, topic, partition, records)
	if len(records) == 1 && TooLarge(err) {
		return p.packed.Produce(ctx, topic, partition, records)
	}
	return base, err
}
