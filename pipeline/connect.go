package pipeline

import (
	"slices"

	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
)

// Servers says where a namespace's Kafka and Redis are, and how they are reached.
type Servers struct {
	Kafka       source.Config // Connect names the topics and the client
	Redis       store.Config  // Connect names the namespace and the topics
	Namespace   string
	Inputs      []string
	Changes     string
	DeadLetters string
	Others      []string // further topics, such as those that are forwarded to the inputs
}

// Connection is the clients of a namespace's servers.
type Connection struct {
	Client   *source.Client
	Producer *sink.Producer
	Large    sink.Log // writes records that their topic takes compressed only, too
	Redis    *store.Redis
	letters  *deadletter.Writer
}

// Connect makes the clients; each server is met when it is first needed.
func Connect(s Servers) (*Connection, error) {
	s.Kafka.Topics = slices.Concat([]string{s.Changes, s.DeadLetters}, s.Inputs, s.Others)
	s.Kafka.ClientID = "tidemark"
	s.Redis.Namespace, s.Redis.Topics = s.Namespace, store.SortTopics(s.Inputs)
	client, err := source.Open(s.Kafka)
	if err != nil {
		return nil, err
	}
	producer := sink.New(client)
	large := sink.Packing(producer, sink.New(client, sink.Compress(recordbatch.Zstd)))
	return &Connection{
		Client:   client,
		Producer: producer,
		Large:    large,
		Redis:    store.Open(s.Redis),
		letters:  deadletter.NewWriter(client, large, s.DeadLetters),
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
