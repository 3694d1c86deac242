package config

import "slices"

// setting is one field of the file: its path, what it is for, and where a
// Config keeps it: a *string, *filename, *Secret, *bool, *policy.Duration, *[]string
// or *[]Input.
type setting struct {
	path    string
	comment string
	value   any
}

// settings lists the fields of c in the order of the file, but for those of the
// policy, which package policy reads.
func (c *Config) settings() []setting {
	return slices.Concat([]setting{
		{"namespace", "prefix tm:<namespace>: in Redis, source of the changes, consumer group tidemark-<namespace>", &c.Namespace},
		{"kafka.brokers", "host:port of some brokers; the others are found through them", &c.Kafka.Brokers},
		{"kafka.inputs", "topics of events, all with the same number of partitions", &c.Kafka.Inputs},
		{"kafka.topics.changes", "where changes of segment are published; as many partitions as the inputs", &c.Kafka.Topics.Changes},
		{"kafka.topics.dead_letters", "where rejected records go, with their bytes and the reason", &c.Kafka.Topics.DeadLetters},
		{"kafka.session_timeout", "how long a worker that died keeps its shards from the others", &c.Kafka.SessionTimeout},
	}, c.Kafka.TLS.settings("kafka.tls", "Kafka"), []setting{
		{"kafka.sasl.mechanism", "none, plain, scram-sha-256, scram-sha-512", &c.Kafka.SASL.Mechanism},
		{"kafka.sasl.username", "the user, but for none", &c.Kafka.SASL.Username},
		{"kafka.sasl.password", variableComment, &c.Kafka.SASL.Password},
		{"redis.addrs", "host:port; of a cluster some nodes; with a sentinel.master the sentinels", &c.Redis.Addrs},
		{"redis.mode", "auto: what the servers say; standalone, cluster, sentinel", &c.Redis.Mode},
		{"redis.durability", "what is waited for before anything is published: none, replicas:n, fsync (Redis 7.2)", &c.Redis.Durability},
		{"redis.username", "an ACL user; empty: the default user", &c.Redis.Username},
		{"redis.password", variableComment, &c.Redis.Password},
	}, c.Redis.TLS.settings("redis.tls", "Redis"), []setting{
		{"redis.sentinel.master", "the name under which the sentinels watch the master; empty: no sentinels", &c.Redis.Sentinel.Master},
		{"redis.sentinel.username", "the sentinels' own user; empty: their default user", &c.Redis.Sentinel.Username},
		{"redis.sentinel.password", variableComment, &c.Redis.Sentinel.Password},
		{"clock", "wall: a customer churns on time though nobody buys; event: only events move time", &c.Clock},
		{"timer_grace", "how far stream time stays behind the clock, so that events of now are not late", &c.TimerGrace},
		{"start.publish", "first start on a log with history: snapshot (each segment once), all (as it happened), none", &c.Start.Publish},
		{"start.accept_truncated", "go on where the log no longer begins at its beginning; totals are then too small", &c.Start.AcceptTruncated},
		{"server.listen", "address of metrics and health; empty: no server", &c.Server.Listen},
		{"log.level", "debug, info, warn, error", &c.Log.Level},
		{"log.format", "json, console", &c.Log.Format},
	})
}

const variableComment = "a variable of the environment, as in ${PASSWORD}; empty: none"

func (t *TLS) settings(path, server string) []setting {
	return []setting{
		{path + ".enabled", "speak TLS with " + server, &t.Enabled},
		{path + ".ca_file", "PEM of who signed its certificates; empty: the system's authorities", (*filename)(&t.CAFile)},
		{path + ".cert_file", "PEM of our own certificate, where " + server + " asks for one", (*filename)(&t.CertFile)},
		{path + ".key_file", "PEM of its key", (*filename)(&t.KeyFile)},
		{path + ".server_name", "name in its certificates, where it is not the host of its address", &t.ServerName},
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
