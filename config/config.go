// Package config reads tidemark.yaml: strictly, with every mistake at once,
// each with its line and path.
//
// All settings are listed once, in settings.go. Reading, checking and printing
// go by that list, so that a field can neither be forgotten in one of them nor
// be without a comment.
package config

import "github.com/tidemark/tidemark/pkg/policy"

// Config is everything that a worker is told. What can change a result is in
// Policy, the rest says where things are and how to run.
type Config struct {
	Namespace  string
	Kafka      Kafka
	Redis      Redis
	Clock      string // wall or event
	TimerGrace policy.Duration
	Start      Start
	Server     Server
	Log        Log
	Policy     *policy.Policy

	// PolicyFile is where the policy was read from, empty where it is inline.
	PolicyFile string
}

// Kafka says where the log is.
type Kafka struct {
	Brokers []string // host:port
	TLS     TLS
	SASL    SASL
	Inputs  []Input
	Topics  Topics

	SessionTimeout policy.Duration // of the consumer group
}

// TLS says how connections are encrypted, and by whom the other side is known.
type TLS struct {
	Enabled    bool
	CAFile     string // PEM; empty: the system's authorities
	CertFile   string // PEM; empty: no certificate of our own is shown
	KeyFile    string // PEM, of CertFile
	ServerName string // in the server's certificate; empty: the host of its address
}

// SASL is how a worker says to Kafka who it is.
type SASL struct {
	Mechanism string // none, plain, scram-sha-256 or scram-sha-512
	Username  string
	Password  Secret
}

// Input is one topic of events.
type Input struct {
	Topic string
}

// Topics are those that Tidemark writes to.
type Topics struct {
	Changes     string
	DeadLetters string
}

// Redis says where the state is.
type Redis struct {
	Addrs      []string // host:port; with a Sentinel.Master those of the sentinels
	Mode       string   // auto, standalone, cluster or sentinel
	Username   string   // of an ACL user; empty: the default user
	Password   Secret
	TLS        TLS
	Sentinel   Sentinel
	Durability string // none, fsync or replicas:n; see Durable
}

// Sentinel says which master the sentinels are asked for, and as whom.
type Sentinel struct {
	Master   string // empty: no sentinels
	Username string
	Password Secret
}

// Start says what a first start on a log with history does.
type Start struct {
	Publish         string // snapshot, all or none
	AcceptTruncated bool
}

// Server is the HTTP server of a worker.
type Server struct {
	Listen string // host:port; empty: no server
}

// Log is how a worker reports.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // json or console
}

// Default is what a configuration without a line says.
func Default() *Config {
	return &Config{
		Namespace: "shop",
		Kafka: Kafka{
			Brokers: []string{"localhost:9092"},
			SASL:    SASL{Mechanism: "none"},
			Inputs:  []Input{{Topic: "purchases"}, {Topic: "clicks"}},
			Topics:  Topics{Changes: "segment-changes", DeadLetters: "dead-letters"},

			SessionTimeout: 10 * policy.Second,
		},
		Redis:      Redis{Addrs: []string{"localhost:6379"}, Mode: "auto", Durability: "none"},
		Clock:      "wall",
		TimerGrace: 2 * policy.Second,
		Start:      Start{Publish: "snapshot"},
		Server:     Server{Listen: ":8080"},
		Log:        Log{Level: "info", Format: "json"},
		Policy:     policy.Default(),
	}
}

// Group is the consumer group of the namespace.
func (c *Config) Group() string { return "tidemark-" + c.Namespace }
