package planted

// Bug is one of them.
type Bug uint8

// The bugs, by the part of the engine that they are in.
const (
	None Bug = iota

	// Ownership and commits.
	StateAfterOffsets  // offsets are committed a batch before the state that they stand for
	HeadCheckSkipped   // a commit does not compare the head
	HeadReadAfterGroup // a take-over reads the head after it has asked the group
	GroupIgnored       // a take-over goes on though the group says that it is not the owner
	LostReplyIsSuccess // a commit without an answer is taken as applied
	LostReplyIsFailure // a commit without an answer is sent again by a batch with a new head
	OldAnswerTaken     // an answer to an I/O of an earlier ownership counts
	OldFetchTaken      // an answer to a fetch at another offset than the one to read on at counts
	NoRewind           // after a take-over reading goes on where it was, not at the stored offsets
	MemoryKept         // customers stay cached across a take-over
	DirtyEvicted       // a customer that the open batch changed leaves the cache
	CountsIncremented  // the script adds to the counters before it compares the head
	SizesDrift         // who is forgotten stays in the sizes
	ChecksumIgnored    // the last record consumed is not compared with the log's
	GapTrusted         // ... but not where the log went unseen for a while
	FailureForgotten   // ... nor where it could not be read
	TruncationSkipped  // a shard goes on at the log's beginning where that lies behind its offset
	PolicyIgnored      // a worker goes on with a state that another policy made
	RolledBackRead     // records of an aborted transaction are taken

	// What the world was told.
	ChangesForgotten    // the changes topic is not read at take-over
	AdoptSkippedAtStart // it is not read by a shard that has just started
	OwnProduceForgotten // it is read while a request of ours may still land
	VersionRetaken      // a customer whose published future was lost goes on from the stored version
	VersionGap          // changes in the outbox count for a customer who was stored with them
	PubMovedEarly       // a take-over stores that it has read the changes topic before it has
	ReleasedEarly       // adopted customers speak before the log is read again
	AckAssumed          // a publication without an answer is taken as acknowledged
	OutboxTrimmedEarly  // a change leaves the stored outbox once it is sent
	TwoInFlight         // a second request is sent before the first is answered
	SentBeforeStored    // a change is sent before the commit that stores it
	DurabilityIgnored   // a change is sent before it is durable
	LeaseForEver        // whoever was a member once may always publish
	IDVaries            // a change made again has another id
	TraceLost           // what comes back out of the stored outbox has no traceparent
	LettersDropped      // dead letters that could not be written are forgotten
	SilenceEndsEarly    // a silent start does not wait for all of the history
	SilenceUnended      // a silent start whose history ends with a rejected record stays silent
	PendingForgotten    // customers whom a silent start has yet to tell of are not any more once loaded

	// Time.
	WallClockInRule   // events are evaluated at the time of day
	TimersAfterEvent  // a customer's own deadlines fire after his event
	TimersInMapOrder  // timers of the same deadline fire in the order of a map
	DeadlineDatedLate // a deadline's change is dated by the event that finds it
	BatchVisible      // a customer's deadlines fire once in a batch
	BoundaryOff       // a deadline fires a millisecond late
	TiesReversed      // of events of the same time the later topic's comes first
	CaughtUpTooSoon   // an input with nothing buffered counts as caught up
	OldAnswerCounts   // an input counts as caught up however long ago its leader was asked
	StreamTimeBack    // a late event turns stream time back
	ClockForgotten    // stream time begins anew with the first event after a take-over
	GreatestForgotten // after a take-over no event is too late
	FastClockBelieved // occurred_at counts though the record's timestamp is earlier
	DeadlineOverslept // a timer is not moved to an earlier deadline
	PieceForgotten    // timers beyond the first piece are not looked for

	// Rules.
	MoneyThroughFloat     // an amount is a float for a moment
	RefundBeforeOrderLost // a refund whose order is unknown takes nothing back
	RefundTwice           // a refund that is delivered again is taken off again
	RefundedCounts        // an order that was paid back in full counts
	LastCopyWins          // of two amounts of the same time the one that came last counts
	WindowClosed          // an order counts at the instant at which it leaves the window
	LastSeenBack          // a late event makes a customer seen last at its time
	BrowserChurned        // a lapsed buyer churns though he still browses
	FoldedForgotten       // a buyer whose orders are all folded is a prospect again
	FloorForgotten        // an order folded early can be counted again
	GraceForgotten        // an order is folded as soon as its horizon is over
	StaleApplied          // an event counts though its order may be folded already
	TombstoneForgotten    // what was forgotten comes back with a redelivery
	ForgetLeavesTimer     // a tombstone has no timer that ends it
	LateForgetRejected    // a forget can be too late

	count
)

// names are of the table that the test of the bugs prints.
var names = [count]string{
	None: "none",

	StateAfterOffsets:  "state after offsets",
	HeadCheckSkipped:   "head check skipped",
	HeadReadAfterGroup: "head read after the group was asked",
	GroupIgnored:       "the group's refusal ignored",
	LostReplyIsSuccess: "lost reply taken as success",
	LostReplyIsFailure: "lost reply taken as failure",
	OldAnswerTaken:     "answer of an older ownership taken",
	OldFetchTaken:      "fetched from another offset",
	NoRewind:           "no rewind",
	MemoryKept:         "memory kept across a take-over",
	DirtyEvicted:       "changed customer evicted",
	CountsIncremented:  "counters incremented in the script",
	SizesDrift:         "sizes drift",
	ChecksumIgnored:    "checksum of the last record ignored",
	GapTrusted:         "log trusted that nobody saw for a while",
	FailureForgotten:   "log trusted that could not be read for a while",
	TruncationSkipped:  "truncated log passed over",
	PolicyIgnored:      "another policy accepted",
	RolledBackRead:     "rolled back transaction read",

	ChangesForgotten:    "changes forgotten at take-over",
	AdoptSkippedAtStart: "changes forgotten when all workers restart",
	OwnProduceForgotten: "own produce request not waited for",
	VersionRetaken:      "version taken again after a rollback",
	VersionGap:          "version skipped after a crash",
	PubMovedEarly:       "changes taken as read before they are",
	ReleasedEarly:       "adopted customers released early",
	AckAssumed:          "acknowledgement assumed",
	OutboxTrimmedEarly:  "outbox trimmed before the acknowledgement",
	TwoInFlight:         "two produce requests in flight",
	SentBeforeStored:    "changes sent before they are stored",
	DurabilityIgnored:   "changes sent before they are durable",
	LeaseForEver:        "lease without an end",
	IDVaries:            "id depends on when it was made",
	TraceLost:           "traceparent lost by a take-over",
	LettersDropped:      "dead letters dropped",
	SilenceEndsEarly:    "silence ends early",
	SilenceUnended:      "silence without an end",
	PendingForgotten:    "pending customers forgotten after a crash",

	WallClockInRule:   "wall clock in a rule",
	TimersAfterEvent:  "timers after the event",
	TimersInMapOrder:  "timers of one deadline in map order",
	DeadlineDatedLate: "deadline dated by who notices it",
	BatchVisible:      "batch boundary visible",
	BoundaryOff:       "boundary off by a millisecond",
	TiesReversed:      "ties reversed",
	CaughtUpTooSoon:   "caught up too soon",
	OldAnswerCounts:   "caught up by an old answer",
	StreamTimeBack:    "stream time turned back",
	ClockForgotten:    "stream time forgotten at take-over",
	GreatestForgotten: "too late forgotten at take-over",
	FastClockBelieved: "a producer's fast clock believed",
	DeadlineOverslept: "earlier deadline overslept",
	PieceForgotten:    "timers beyond a piece forgotten",

	MoneyThroughFloat:     "money through a float",
	RefundBeforeOrderLost: "refund before its order lost",
	RefundTwice:           "refund counted twice",
	RefundedCounts:        "refunded order counts",
	LastCopyWins:          "last copy of an order wins",
	WindowClosed:          "window closed at both ends",
	LastSeenBack:          "last seen turned back",
	BrowserChurned:        "browsing customer churned",
	FoldedForgotten:       "folded orders forgotten",
	FloorForgotten:        "early fold without a floor",
	GraceForgotten:        "fold without grace",
	StaleApplied:          "order counted again after folding",
	TombstoneForgotten:    "tombstone forgotten",
	ForgetLeavesTimer:     "forget leaves the timer",
	LateForgetRejected:    "late forget rejected",
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
