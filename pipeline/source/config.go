package source

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
)

// Config says how to reach a cluster.
type Config struct {
	// Brokers are host:port of any of the cluster's brokers; the others are found through them.
	Brokers []string

	// Topics are all that will ever be named to the client or to a producer
	// made of it. kafka-go would otherwise ask for the metadata of every
	// topic of the cluster, every few seconds.
	Topics []string

	// TLS encrypts the connections, nil: they are plain. Without a ServerName that
	// of each broker's address counts.
	TLS *tls.Config

	// SASL says to the brokers who we are, nil: nobody.
	SASL sasl.Mechanism

	// User is the name that SASL gives, for messages about rights.
	User string

	// ClientID names this process in the brokers' logs and quotas.
	ClientID string
}

// Format says where the cluster is and nothing of what SASL and TLS hold, whatever
// the verb: whoever prints a Config shows no secret.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Kafka at %s as %s", strings.Join(c.Brokers, ","), c.principal())
}

// MarshalText is Format's for JSON and logs.
func (c Config) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

func (c *Config) check() error {
	var problems []error
	if len(c.Brokers) == 0 {
		problems = append(problems, errors.New("no brokers: name at least one as host:port"))
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			problems = append(problems, fmt.Errorf("broker %q: write it as host:port", b))
		}
	}
	if len(c.Topics) == 0 || slices.Contains(c.Topics, "") {
		problems = append(problems, errors.New("no topics, or one without a name: name every topic that is read or written"))
	}
	return errors.Join(problems...)
}
