package config

// setting is one field of the file: its path, what it is for, and where a
// Config keeps it: a *string, *bool, *policy.Duration, *[]string or *[]Input.
type setting struct {
	path    string
	comment string
	value   any
}

// settings lists the fields of c in the order of the file, but for those of the
// policy, which package policy reads.
func (c *Config) settings() []setting {
	return []setting{
		{"namespace", "prefix tm:<namespace>: in Redis, source of the changes, consumer group tidemark-<namespace>", &c.Namespace},
		{"kafka.brokers", "host:port of some brokers; the others are found through them", &c.Kafka.Brokers},
		{"kafka.inputs", "topics of events, all with the same number of partitions", &c.Kafka.Inputs},
		{"kafka.topics.changes", "where changes of segment are published; as many partitions as the inputs", &c.Kafka.Topics.Changes},
		{"kafka.topics.dead_letters", "where rejected records go, with their bytes and the reason", &c.Kafka.Topics.DeadLetters},
		{"redis.addrs", "host:port; several: a cluster", &c.Redis.Addrs},
		{"redis.durability", "what is waited for before anything is published: none, replicas:n, fsync (Redis 7.2)", &c.Redis.Durability},
		{"clock", "wall: a customer churns on time though nobody buys; event: only events move time", &c.Clock},
		{"timer_grace", "how far stream time stays behind the clock, so that events of now are not late", &c.TimerGrace},
		{"start.publish", "first start on a log with history: snapshot (each segment once), all (as it happened), none", &c.Start.Publish},
		{"start.accept_truncated", "go on where the log no longer begins at its beginning; totals are then too small", &c.Start.AcceptTruncated},
		{"server.listen", "address of metrics and health; empty: no server", &c.Server.Listen},
		{"log.level", "debug, info, warn, error", &c.Log.Level},
		{"log.format", "json, console", &c.Log.Format},
	}
}

// policyComments say what the fields of the policy are for.
var policyComments = map[string]string{
	"policy.name":                           "shown in every change",
	"policy.partitioner":                    "how producers choose a partition: murmur2 (Java), crc32 (librdkafka), fnv1a",
	"policy.base_currency":                  "ISO 4217; all sums are kept in it",
	"policy.rates":                          "other currencies: base units for one unit, as in {USD: \"0.92\"}",
	"policy.max_future_skew":                "an event dated later than its record by more is rejected",
	"policy.max_event_bytes":                "a longer record is rejected",
	"policy.window":                         "how long an order counts towards frequency and monetary",
	"policy.late_horizon":                   "how late events may come, where that is more than the window",
	"policy.max_ledger_orders":              "orders kept one by one for a customer; older ones become totals",
	"policy.lifecycle.loyal_orders":         "orders in the window that make a buyer loyal",
	"policy.lifecycle.active_within":        "a buyer whose last order is this old is at the edge",
	"policy.lifecycle.churn_after":          "and churned when it is this old",
	"policy.lifecycle.engaged_within":       "and nothing was seen of him for this long; a prospect is at the edge after it",
	"policy.lifecycle.prospect_churn_after": "a prospect of whom nothing was seen for this long is churned",
}
