package source

import (
	"errors"
	"fmt"
	"net"
	"slices"
)

// Config says how to reach a cluster.
type Config struct {
	// Brokers are host:port of any of the cluster's brokers; the others are found through them.
	Brokers []string

	// Topics are all that will ever be named to the client or to a producer
	// made of it. kafka-go would otherwise ask for the metadata of every
	// topic of the cluster, every few seconds.
	Topics []string

	// ClientID names this process in the brokers' logs and quotas.
	ClientID string
}

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
