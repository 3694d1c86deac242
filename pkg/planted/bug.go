package planted

// Bug is one of them.
type Bug uint8

// The bugs, by the part of the engine that they are in.
const (
	None Bug = iota

	// Ownership and commits.
	StateAfterOffsets  // offsets are committed a batch before the state that they stand for
	HeadCheckSkipped   // a commit does not compare the head
	LostReplyIsSuccess // a commit without an answer is taken as applied
	LostReplyIsFailure // a commit without an answer is sent again by a batch with a new head
	NoRewind           // after a take-over reading goes on where it was, not at the stored offsets
	MemoryKept         // customers stay cached across a take-over

	// What the world was told.
	ChangesForgotten  // the changes topic is not read at take-over
	VersionRetaken    // a customer whose published future was lost goes on from the stored version
	PubMovedEarly     // a take-over stores that it has read the changes topic before it has
	ReleasedEarly     // adopted customers speak before the log is read again
	AckAssumed        // a publication without an answer is taken as acknowledged
	SentBeforeStored  // a change is sent before the commit that stores it
	DurabilityIgnored // a change is sent before it is durable
	LettersDropped    // dead letters that could not be written are forgotten

	// Time.
	TimersAfterEvent  // a customer's own deadlines fire after his event
	BoundaryOff       // a deadline fires a millisecond late
	TiesReversed      // of events of the same time the later topic's comes first
	CaughtUpTooSoon   // an input with nothing buffered counts as caught up
	StreamTimeBack    // a late event turns stream time back
	GreatestForgotten // after a take-over no event is too late
	DeadlineOverslept // a timer is not moved to an earlier deadline
	PieceForgotten    // timers beyond the first piece are not looked for

	// Rules.
	RefundBeforeOrderLost // a refund whose order is unknown takes nothing back

	count
)

// names are of the table that the test of the bugs prints.
var names = [count]string{
	None: "none",

	StateAfterOffsets:  "state after offsets",
	HeadCheckSkipped:   "head check skipped",
	LostReplyIsSuccess: "lost reply taken as success",
	LostReplyIsFailure: "lost reply taken as failure",
	NoRewind:           "no rewind",
	MemoryKept:         "memory kept across a take-over",

	ChangesForgotten:  "changes forgotten at take-over",
	VersionRetaken:    "version taken again after a rollback",
	PubMovedEarly:     "changes taken as read before they are",
	ReleasedEarly:     "adopted customers released early",
	AckAssumed:        "acknowledgement assumed",
	SentBeforeStored:  "changes sent before they are stored",
	DurabilityIgnored: "changes sent before they are durable",
	LettersDropped:    "dead letters dropped",

	TimersAfterEvent:  "timers after the event",
	BoundaryOff:       "boundary off by a millisecond",
	TiesReversed:      "ties reversed",
	CaughtUpTooSoon:   "caught up too soon",
	StreamTimeBack:    "stream time turned back",
	GreatestForgotten: "too late forgotten at take-over",
	DeadlineOverslept: "earlier deadline overslept",
	PieceForgotten:    "timers beyond a piece forgotten",

	RefundBeforeOrderLost: "refund before its order lost",
}

// String is the bug's name in that table.
func (b Bug) String() string { return names[b] }

// All are the bugs.
func All() []Bug {
	var all []Bug
	for b := None + 1; b < count; b++ {
		all = append(all, b)
	}
	return all
}
