package main

import (
	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline"
)

// servers says where the Kafka and the Redis of a configuration are.
func servers(c *config.Config) pipeline.Servers {
	return pipeline.Servers{
		Brokers:     c.Kafka.Brokers,
		Redis:       c.Redis.Addrs,
		Namespace:   c.Namespace,
		Inputs:      inputs(c),
		Changes:     c.Kafka.Topics.Changes,
		DeadLetters: c.Kafka.Topics.DeadLetters,
	}
}

// inputs are the names of a configuration's input topics.
func inputs(c *config.Config) []string {
	names := make([]string, len(c.Kafka.Inputs))
	for i, input := range c.Kafka.Inputs {
		names[i] = input.Topic
	}
	return names
}

// connect makes the clients of a configuration's servers. Each server is met
// when it is first needed.
func connect(c *config.Config) (*pipeline.Connection, error) {
	return pipeline.Connect(servers(c))
}
