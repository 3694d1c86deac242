package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokerTimeout is how long brokers may take to answer on a busy machine.
const brokerTimeout = 3 * time.Minute

// Kafka is a cluster of brokers, each of them a controller, too.
type Kafka struct {
	dir     string
	jars    string
	voters  string
	brokers []*broker
	routes  []Route
}

// StartKafka starts a cluster of so many brokers and returns when all of them
// answer. Options of the JVM take the place of those that suit short tests.
func StartKafka(brokers int, jvm ...string) (*Kafka, error) {
	if len(jvm) == 0 {
		jvm = shortLived("-Xmx768m")
	}
	return startKafka(brokers, jvm)
}

func startKafka(brokers int, jvm []string, further ...listener) (*Kafka, error) {
	k, err := newKafka(brokers, jvm)
	if err != nil {
		return nil, fmt.Errorf("starting Kafka: %w", err)
	}
	for _, b := range k.brokers {
		b.further = further
	}
	if err := k.start(); err != nil {
		return nil, fmt.Errorf("starting Kafka: %w", errors.Join(err, k.Close()))
	}
	return k, nil
}

func newKafka(brokers int, jvm []string) (*Kafka, error) {
	jars, err := kafkaJars()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2 * brokers)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tidemark-kafka-")
	if err != nil {
		return nil, err
	}
	k := &Kafka{dir: dir, jars: jars}
	var voters []string
	for i := range brokers {
		b := &broker{id: i + 1, dir: filepath.Join(dir, fmt.Sprintf("broker-%d", i+1)), port: ports[2*i], controller: ports[2*i+1], jvm: jvm}
		k.brokers = append(k.brokers, b)
		voters = append(voters, fmt.Sprintf("%d@%s", b.id, address(b.controller)))
	}
	k.voters = strings.Join(voters, ",")
	return k, nil
}

func (k *Kafka) start() error {
	errs := make([]error, len(k.brokers))
	var starting sync.WaitGroup
	for i, b := range k.brokers {
		starting.Go(func() {
			errs[i] = b.configure(k.voters, min(len(k.brokers), 3))
			if errs[i] == nil {
				errs[i] = b.format(k.jars)
			}
			if errs[i] == nil {
				errs[i] = b.start(k.jars)
			}
		})
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := range k.brokers {
		if err := k.ready(i); err != nil {
			return err
		}
	}
	return nil
}

// Brokers are the brokers' addresses, host:port.
func (k *Kafka) Brokers() []string {
	var all []string
	for _, b := range k.brokers {
		all = append(all, address(b.port))
	}
	return all
}

// ID is the node id of the i-th broker.
func (k *Kafka) ID(i int) int32 { return int32(k.brokers[i].id) }

// PID is the process of the i-th broker.
func (k *Kafka) PID(i int) int { return k.brokers[i].process.cmd.Process.Pid }

// Kill ends the i-th broker as a crash would.
func (k *Kafka) Kill(i int) { k.brokers[i].process.kill() }

// Restart starts the i-th broker again, on its address and its logs, and
// returns when the cluster counts it among its members.
func (k *Kafka) Restart(i int) error {
	b := k.brokers[i]
	b.process.stop()
	err := b.start(k.jars)
	if err == nil {
		err = k.ready(i)
	}
	if err != nil {
		return fmt.Errorf("restarting Kafka broker %d: %w", b.id, err)
	}
	return nil
}

// ready waits until the i-th broker answers and knows itself to be a member.
func (k *Kafka) ready(i int) error {
	b := k.brokers[i]
	return b.process.ready(brokerTimeout, func(ctx context.Context) error {
		if err := reachable(address(b.port)); err != nil {
			return err
		}
		res, err := request(ctx, []string{address(b.port)}, kmsg.NewPtrMetadataRequest())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(res.(*kmsg.MetadataResponse).Brokers, func(m kmsg.MetadataResponseBroker) bool { return m.NodeID == int32(b.id) }) {
			return errors.New("it is not a member of the cluster")
		}
		return nil
	})
}

// Topic says how a topic is to be. A zero Replicas is one per broker, up to
// three.
type Topic struct {
	Name       string
	Partitions int32
	Replicas   int16
	Settings   map[string]string
}

// CreateTopics creates topics and returns when every partition has a leader.
func (k *Kafka) CreateTopics(ctx context.Context, topics ...Topic) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(brokerTimeout.Milliseconds())
	for _, t := range topics {
		r := kmsg.NewCreateTopicsRequestTopic()
		r.Topic, r.NumPartitions, r.ReplicationFactor = t.Name, t.Partitions, t.Replicas
		if t.Replicas == 0 {
			r.ReplicationFactor = int16(min(len(k.brokers), 3))
		}
		for name, value := range t.Settings {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = name, &value
			r.Configs = append(r.Configs, c)
		}
		req.Topics = append(req.Topics, r)
	}
	res, err := request(ctx, k.Brokers(), req)
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	for _, t := range res.(*kmsg.CreateTopicsResponse).Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("creating topic %s: %w", t.Topic, err)
		}
	}
	if err := Await(ctx, brokerTimeout, func(ctx context.Context) error { return k.led(ctx, topics) }); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	return nil
}

// led fails while some partition's leader does not answer as such: that it is in
// the metadata comes first.
func (k *Kafka) led(ctx context.Context, topics []Topic) error {
	const latest = -1
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for _, t := range topics {
		r := kmsg.NewListOffsetsRequestTopic()
		r.Topic = t.Name
		for i := range t.Partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = i, latest
			r.Partitions = append(r.Partitions, p)
		}
		req.Topics = append(req.Topics, r)
	}
	res, err := request(ctx, k.Brokers(), req)
	if err != nil {
		return err
	}
	for _, t := range res.(*kmsg.ListOffsetsResponse).Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("partition %s/%d: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}

// DeleteRecords deletes what a partition holds before an offset, as retention
// does.
func (k *Kafka) DeleteRecords(ctx context.Context, topic string, partition int32, before int64) error {
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = int32(brokerTimeout.Milliseconds())
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic,
		Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: before}}}}
	res, err := request(ctx, k.Brokers(), req)
	if err == nil {
		err = kerr.ErrorForCode(res.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("deleting records of %s/%d: %w", topic, partition, err)
	}
	return nil
}

// Tool runs one of Kafka's own command-line tools, named by its class, against
// the cluster and returns what it printed.
func (k *Kafka) Tool(ctx context.Context, stdin io.Reader, class string, args ...string) ([]byte, error) {
	return tool(ctx, k.jars, stdin, class, append([]string{"--bootstrap-server", strings.Join(k.Brokers(), ",")}, args...)...)
}

// Close stops all brokers and removes their files.
func (k *Kafka) Close() error {
	for _, b := range k.brokers {
		if b.process != nil {
			b.process.kill() // there is nothing to save
		}
	}
	var errs []error
	for _, r := range k.routes {
		errs = append(errs, r.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(k.dir))...)
}

// request asks with a client of another making than the engine's.
func request(ctx context.Context, brokers []string, req kmsg.Request) (kmsg.Response, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RetryTimeout(dialTimeout))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Request(ctx, req)
}
