package pipeline

// Holding is what a shard has in memory, by what it is for, in bytes but for
// the records.
type Holding struct {
	Fetched   int // batches as they came, of the input that holds most
	Staged    int // records decoded ahead of their customers
	Open      int // the open batch, as BatchBytes counts it
	Customers int // the cache
	Outbox    int // changes that Kafka has not acknowledged

	Customer int // the largest that the cache ever held
	Change   int // the largest in the outbox
}

// Holding is what the shard has in memory now.
func (s *Shard) Holding() Holding {
	h := Holding{Staged: s.stagedBytes, Open: s.open.bytes, Customers: s.cache.bytes, Outbox: s.outbox.bytes,
		Customer: s.cache.largest}
	for i := range s.lanes {
		h.Fetched = max(h.Fetched, s.lanes[i].buffered)
	}
	for i := range s.outbox.entries {
		h.Change = max(h.Change, s.outbox.entries[i].size())
	}
	return h
}

// Largest are the largest single things that a shard has met, in bytes: no
// bound can be below them.
type Largest struct {
	Batch    int // of records, as it came
	Record   int // unpacked
	Customer int // as the cache counts him
	Change   int // as the outbox counts it
}

// Most is the most that a shard holds by its limits. With p for the things that
// are staged at once, StageRecords or TimerPiece, whichever is more, and a piece
// of the changes topic read at a take-over for as many customers as FetchBytes
// has changes:
//
//	Fetched   < BufferBytes + max(FetchBytes, batch)
//	Staged    < BatchBytes + record
//	Open      < BatchBytes + (BatchBytes + record) + max(p, told) × customer
//	Customers ≤ CacheBytes + (BatchCustomers + 2p + told) × customer
//	Outbox    < OutboxBytes + p × stepChanges × change
//
// A batch is full before it is known how much the staged things add to it;
// customers of the open batch and of what is staged cannot leave the cache; what
// one staged thing changes goes to the outbox as a whole. Besides, a shard holds
// one commit on its way, which is no larger than the open batch and the outbox
// were, one request of changes (PublishBytes), and of each input one batch
// unpacked.
func (l *Limits) Most(x Largest) Holding {
	p := max(l.StageRecords, l.TimerPiece)
	told := max(l.FetchBytes, x.Batch)/leastChange + 1
	return Holding{
		Fetched:   l.BufferBytes + max(l.FetchBytes, x.Batch),
		Staged:    l.BatchBytes + x.Record,
		Open:      2*l.BatchBytes + x.Record + max(p, told)*x.Customer,
		Customers: l.CacheBytes + (l.BatchCustomers+2*p+told)*x.Customer,
		Outbox:    l.OutboxBytes + p*stepChanges*x.Change,
	}
}

const (
	leastChange = 300 // bytes of a change in its topic, at least
	stepChanges = 4   // of one customer for one event: his deadlines on the way to it, and its own
)

// Within reports whether h is no more than most, and names what is not.
func (h Holding) Within(most Holding) (what string, ok bool) {
	switch {
	case h.Fetched > most.Fetched:
		return "fetched", false
	case h.Staged > most.Staged:
		return "staged", false
	case h.Open > most.Open:
		return "open", false
	case h.Customers > most.Customers:
		return "customers", false
	case h.Outbox > most.Outbox:
		return "outbox", false
	}
	return "", true
}
