package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
)

// servers says where the Kafka and the Redis of a configuration are. It reads
// the certificates that the configuration names.
func servers(c *config.Config) (pipeline.Servers, error) {
	kafka, kafkaErr := kafkaServers(&c.Kafka)
	redis, redisErr := redisServers(c)
	return pipeline.Servers{
		Kafka:       kafka,
		Redis:       redis,
		Namespace:   c.Namespace,
		Inputs:      inputs(c),
		Changes:     c.Kafka.Topics.Changes,
		DeadLetters: c.Kafka.Topics.DeadLetters,
	}, errors.Join(kafkaErr, redisErr)
}

func kafkaServers(c *config.Kafka) (source.Config, error) {
	encryption, err := tlsConfig("kafka.tls", &c.TLS)
	if err != nil {
		return source.Config{}, err
	}
	mechanism, err := saslMechanism(&c.SASL)
	return source.Config{Brokers: c.Brokers, TLS: encryption, SASL: mechanism, User: c.SASL.Username}, err
}

// redisServers is all that reading a namespace takes.
func redisServers(c *config.Config) (store.Config, error) {
	r := &c.Redis
	encryption, err := tlsConfig("redis.tls", &r.TLS)
	replicas, fsync := r.Durable()
	return store.Config{
		Addrs:      r.Addrs,
		Mode:       store.Mode(r.Mode),
		Username:   r.Username,
		Password:   r.Password.Reveal(),
		TLS:        encryption,
		Sentinel:   store.Sentinel{Master: r.Sentinel.Master, Username: r.Sentinel.Username, Password: r.Sentinel.Password.Reveal()},
		Durability: store.Durability{Replicas: replicas, Fsync: fsync},
		Namespace:  c.Namespace,
		Topics:     store.SortTopics(inputs(c)),
	}, err
}

// tlsConfig reads the files of a section, nil where it is not enabled.
func tlsConfig(section string, t *config.TLS) (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading %s.ca_file: %w", section, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading %s.ca_file: no certificate in %s: give one in PEM form", section, t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading %s.cert_file %s and key_file %s: %w", section, t.CertFile, t.KeyFile, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// saslMechanism is how a worker says to Kafka who it is, nil where it does not.
func saslMechanism(c *config.SASL) (sasl.Mechanism, error) {
	algorithm := scram.SHA512
	switch c.Mechanism {
	case "none":
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: c.Username, Password: c.Password.Reveal()}, nil
	case "scram-sha-256":
		algorithm = scram.SHA256
	}
	mechanism, err := scram.Mechanism(algorithm, c.Username, c.Password.Reveal())
	if err != nil {
		// The error has the name or the password in it.
		return nil, errors.New("preparing kafka.sasl: the username or the password has characters that SCRAM does not allow (RFC 4013)")
	}
	return mechanism, nil
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
	where, err := servers(c)
	if err != nil {
		return nil, err
	}
	return pipeline.Connect(where)
}
