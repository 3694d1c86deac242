// Package embedded starts a Kafka broker (kfake) and a Redis (miniredis, or a
// real redis-server) in or beside this process, on loopback, for a first look
// and for tests. They keep nothing: when the process ends all is gone.
package embedded

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"
)

// MaxMessageBytes is the largest batch that the broker takes: any line of a
// file, and the dead letter that it may become, which is up to 64 KiB larger.
// Preloads are fastest in batches of about 1 MiB.
const MaxMessageBytes = 512 << 20

// Options say what to start.
type Options struct {
	Topics    map[string]int32 // partitions by name
	RealRedis bool             // the PATH's redis-server in place of miniredis
}

// Servers are a running broker and a running Redis.
type Servers struct {
	kafka   *kfake.Cluster
	brokers []string
	mini    *miniredis.Miniredis
	real    *redisServer
}

// Start starts both and returns when they answer. The broker has the topics,
// and creates no others by itself.
func Start(o Options) (*Servers, error) {
	s := &Servers{}
	if err := errors.Join(s.startKafka(o.Topics), s.startRedis(o.RealRedis)); err != nil {
		return nil, fmt.Errorf("starting the embedded servers: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Servers) startKafka(topics map[string]int32) (err error) {
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": strconv.Itoa(MaxMessageBytes)}),
	}
	for name, partitions := range topics {
		if partitions < 1 {
			return fmt.Errorf("topic %s with %d partitions: give it at least one", name, partitions)
		}
		options = append(options, kfake.SeedTopics(partitions, name))
	}
	if s.kafka, err = kfake.NewCluster(options...); err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	s.brokers = s.kafka.ListenAddrs()
	return nil
}

func (s *Servers) startRedis(process bool) (err error) {
	if process {
		s.real, err = startRedisServer()
		return err
	}
	s.mini = miniredis.NewMiniRedis()
	if err := s.mini.StartAddr("127.0.0.1:0"); err != nil {
		return fmt.Errorf("starting miniredis: %w", err)
	}
	return nil
}

// Brokers are the broker's addresses, host:port.
func (s *Servers) Brokers() []string { return slices.Clone(s.brokers) }

// RedisAddr is the Redis's address, host:port.
func (s *Servers) RedisAddr() string {
	if s.real != nil {
		return s.real.addr
	}
	return s.mini.Addr()
}

// Kafka is the broker itself, for tests that make it misbehave.
func (s *Servers) Kafka() *kfake.Cluster { return s.kafka }

// Miniredis is the Redis itself, for tests that make it misbehave; nil if a
// real one was asked for.
func (s *Servers) Miniredis() *miniredis.Miniredis { return s.mini }

// Close stops both and waits until they are gone, with their connections,
// goroutines, process and files.
func (s *Servers) Close() error {
	if s.kafka != nil {
		s.kafka.Close()
	}
	if s.mini != nil {
		s.mini.Close()
	}
	if s.real != nil {
		if err := s.real.stop(); err != nil {
			return fmt.Errorf("stopping the embedded Redis: %w", err)
		}
	}
	return nil
}
