// Package lifecycle decides which of the four segments a customer is in, until
// when, and which one follows. It is a pure function of the profile, the instant
// and the policy.
//
// With defaults in brackets; the first row that matches wins:
//
//	             buyer: has a counted order               prospect: a click or an order, none of which counts
//	churned      last order ≥ 180 d and last seen ≥ 30 d  last seen ≥ 90 d
//	edge         last order ≥ 90 d                        last seen ≥ 30 d
//	loyal        3 orders in the window of 365 d          -
//	potential    otherwise                                otherwise
//
// A boundary belongs to the later state: 90 days to the millisecond is edge.
//
// Time alone leads only downwards, at the instants that Evaluate returns as
// deadlines; events lead anywhere.
//
//	            by time alone                                   by an event
//
//	┌───────────┐                                      ┌───────────┐
//	│   loyal   ├──────────┐                           │   loyal   │◀─┐ order (n in the window)
//	└─────┬─────┘          │                           └───────────┘  │
//	      │ an order       │ no order                  ┌───────────┐  │
//	      ▼ leaves the     │ for 90 d                  │ potential │◀─┤ order (fewer); click (prospect);
//	┌───────────┐ window   │                           └───────────┘  │ refund (fewer remain)
//	│ potential │          │                                          │
//	└─────┬─────┘          │                           ┌───────────┐  │
//	      │ no order for 90 d (buyer)                  │   edge    │◀─┤ click (lapsed buyer);
//	      ▼ not seen for 30 d (prospect)               └───────────┘  │ refund (older ones remain)
//	┌───────────┐          │                                          │
//	│   edge    │◀─────────┘                           ┌───────────┐  │
//	└─────┬─────┘                                      │  churned  │◀─┤ refund (none or very old
//	      │ no order for 180 d and not seen for 30 d   └───────────┘  │ ones remain)
//	      ▼ (buyer), not seen for 90 d (prospect)                     │
//	┌───────────┐                                      ┌───────────┐  │
//	│  churned  │ for good, but for events             │   none    │◀─┘ forget
//	└───────────┘                                      └───────────┘
//	                                                   from any state to any of these
//
// Where a policy lets boundaries meet or cross (churn_after ≤ active_within, say)
// a state is skipped; the deadline then leads to the one that is true there.
//
// # Why the deadline is exact
//
// While no event arrives, a segment depends on t through three comparisons
// alone: is the customer lost, is he at the edge, have his n newest counted
// orders all stayed in the window. Each flips once, at an instant known
// beforehand (see bounds), so the first that changes the segment is a minimum of
// at most three numbers and no search.
package lifecycle
