package pipeline

// Mutant names one planted bug: a mistake that a good engineer could make. The
// simulator switches each on in turn to prove that its checks would notice. In
// a build without the tag "mutants" every one of them is off for good.
type Mutant uint8

// The planted bugs.
const (
	NoMutant              Mutant = iota
	StateAfterOffsets            // offsets are committed a batch before the state that they stand for
	HeadCheckSkipped             // a commit does not compare the head
	LostReplyIsSuccess           // a commit without an answer is taken as applied
	LostReplyIsFailure           // a commit without an answer is sent again by a batch with a new head
	NoRewind                     // after a take-over reading goes on where it was, not at the stored offsets
	MemoryKept                   // customers stay cached across a take-over
	TimersAfterEvent             // a customer's own deadlines fire after his event
	ChangesForgotten             // the changes topic is not read at take-over
	VersionRetaken               // a customer whose published future was lost goes on from the stored version
	RefundBeforeOrderLost        // a refund whose order is unknown takes nothing back
	BoundaryOff                  // a deadline fires a millisecond late
	TiesReversed                 // of events of the same time the later topic's comes first
	CaughtUpTooSoon              // an input with nothing buffered counts as caught up
	StreamTimeBack               // a late event turns stream time back
	GreatestForgotten            // after a take-over no event is too late
	DeadlineOverslept            // a timer is not moved to an earlier deadline
	PieceForgotten               // timers beyond the first piece are not looked for
	AckAssumed                   // a publication without an answer is taken as acknowledged
	SentBeforeStored             // a change is sent before the commit that stores it
	DurabilityIgnored            // a change is sent before it is durable
	LettersDropped               // dead letters that could not be written are forgotten
	PubMovedEarly                // a take-over stores that it has read the changes topic before it has
	ReleasedEarly                // adopted customers speak before the log is read again
	MutantCount
)

// String is the bug's name in the table of the mutation test.
func (m Mutant) String() string {
	return [...]string{"none", "state after offsets", "head check skipped", "lost reply taken as success",
		"lost reply taken as failure", "no rewind", "memory kept across a take-over", "timers after the event",
		"changes forgotten at take-over", "version taken again after a rollback",
		"refund before its order lost", "boundary off by a millisecond", "ties reversed", "caught up too soon",
		"stream time turned back", "too late forgotten at take-over", "earlier deadline overslept",
		"timers beyond a piece forgotten", "acknowledgement assumed", "changes sent before they are stored",
		"changes sent before they are durable", "dead letters dropped", "changes taken as read before they are",
		"adopted customers released early"}[m]
}

// boundary is the stream time up to which deadlines fire.
func boundary(t int64) int64 {
	if mutated(BoundaryOff) {
		return t - 1
	}
	return t
}
