package pipeline

import (
	"fmt"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
)

// Servers says where a namespace's Kafka and Redis are.
type Servers struct {
	Brokers     []string
	Redis       []string
	Namespace   string
	Inputs      []string
	Changes     string
	DeadLetters string
}

// Connection is the clients of a namespace's servers.
type Connection struct {
	Client   *source.Client
	Producer *sink.Producer
	Redis    *store.Redis
	letters  *deadletter.Writer
}

// Connect makes the clients; each server is met when it is first needed.
func Connect(s Servers) (*Connection, error) {
	topics := append([]string{s.Changes, s.DeadLetters}, s.Inputs...)
	client, err := source.Open(source.Config{Brokers: s.Brokers, Topics: topics, ClientID: "tidemark"})
	if err != nil {
		return nil, fmt.Errorf("opening the Kafka client: %w", err)
	}
	producer := sink.New(client)
	return &Connection{
		Client:   client,
		Producer: producer,
		Redis:    store.Open(store.Config{Addrs: s.Redis, Namespace: s.Namespace, Topics: store.SortTopics(s.Inputs)}),
		letters:  deadletter.NewWriter(client, producer, s.DeadLetters),
	}, nil
}

// Ports are the connection as a pipeline uses it.
func (c *Connection) Ports() Ports {
	return Ports{Log: c.Client, Store: c.Redis, Sink: c.Producer, Letters: c.letters, Time: c.Redis}
}

// Close ends every connection.
func (c *Connection) Close() error {
	c.Client.Close()
	return c.Redis.Close()
}
