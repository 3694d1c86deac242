// Package policy holds every setting that can change a result. A policy is a document with a version: the hash of its
// content. Two programs that run the same version on the same log publish the same bytes.
package policy

// Policy is the versioned document. Its fields have the names of the YAML keys.
type Policy struct {
	Name            string            `yaml:"name"`              // shown in every change
	Partitioner     string            `yaml:"partitioner"`       // how producers choose a partition: murmur2, crc32 or fnv1a
	BaseCurrency    string            `yaml:"base_currency"`     // ISO 4217; all sums are kept in it
	Rates           map[string]string `yaml:"rates"`             // units of the base currency for one unit of another, decimal
	MaxFutureSkew   Duration          `yaml:"max_future_skew"`   // how far occurred_at may lie after the record's timestamp
	MaxEventBytes   int               `yaml:"max_event_bytes"`   // longest value of a record
	Window          Duration          `yaml:"window"`            // how long an order counts towards frequency and monetary
	LateHorizon     Duration          `yaml:"late_horizon"`      // how late events may come, where that is more than the window
	MaxLedgerOrders int               `yaml:"max_ledger_orders"` // orders kept one by one per customer
	Lifecycle       Lifecycle         `yaml:"lifecycle"`
}

// Lifecycle is where the segments of the lifecycle dimension begin and end.
type Lifecycle struct {
	LoyalOrders        int      `yaml:"loyal_orders"`         // orders in the window that make a buyer loyal
	ActiveWithin       Duration `yaml:"active_within"`        // a buyer is at the edge this long after the last order
	ChurnAfter         Duration `yaml:"churn_after"`          // and churned this long after it,
	EngagedWithin      Duration `yaml:"engaged_within"`       // once nothing was seen of him for this long; a prospect is at the edge then
	ProspectChurnAfter Duration `yaml:"prospect_churn_after"` // a prospect is churned this long after he was last seen
}

// Grace is how many milliseconds after its horizon an order is folded: redeliveries within a week change nothing.
const Grace = int64(7 * Day)

// Default is the built-in policy.
func Default() *Policy {
	return &Policy{
		Name:            "default",
		Partitioner:     "murmur2",
		BaseCurrency:    "EUR",
		MaxFutureSkew:   Hour,
		MaxEventBytes:   1 << 20,
		Window:          365 * Day,
		MaxLedgerOrders: 512,
		Lifecycle: Lifecycle{
			LoyalOrders:        3,
			ActiveWithin:       90 * Day,
			ChurnAfter:         180 * Day,
			EngagedWithin:      30 * Day,
			ProspectChurnAfter: 90 * Day,
		},
	}
}

// Horizon is how far back events may change a profile, in milliseconds: the longer of window and late horizon.
func (p *Policy) Horizon() int64 {
	return int64(max(p.Window, p.LateHorizon))
}
