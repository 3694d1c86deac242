package policy

// setting is one leaf of the document: its path and a pointer to where a policy keeps it, a *string, *int, *Duration or
// *map[string]string.
type setting struct {
	path  string
	value any
}

// settings lists every leaf, in the order of the document. Reading, checking and hashing all go by this one list, so
// that none of them can forget a setting; a test holds it against the fields of Policy.
func (p *Policy) settings() []setting {
	return []setting{
		{"name", &p.Name},
		{"partitioner", &p.Partitioner},
		{"base_currency", &p.BaseCurrency},
		{"rates", &p.Rates},
		{"max_future_skew", &p.MaxFutureSkew},
		{"max_event_bytes", &p.MaxEventBytes},
		{"window", &p.Window},
		{"late_horizon", &p.LateHorizon},
		{"max_ledger_orders", &p.MaxLedgerOrders},
		{"lifecycle.loyal_orders", &p.Lifecycle.LoyalOrders},
		{"lifecycle.active_within", &p.Lifecycle.ActiveWithin},
		{"lifecycle.churn_after", &p.Lifecycle.ChurnAfter},
		{"lifecycle.engaged_within", &p.Lifecycle.EngagedWithin},
		{"lifecycle.prospect_churn_after", &p.Lifecycle.ProspectChurnAfter},
	}
}
