package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/deadletter"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/namespace"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/instant"
)

// servers are the Kafka and the Redis of a configuration, as a replay uses them:
// it only reads the inputs, and keeps what it would write to Kafka in spools.
type servers struct {
	*KafkaOptions
	inputs     []string
	changes    string // topic; in a spool unless ToTopic is given
	partitions int32
	claimed    bool // the namespace is ours

	client  *source.Client
	redis   *store.Redis
	reader  redis.UniversalClient
	told    *spool // changes; nil where they go to ToTopic
	letters *spool
}

// openServers connects, looks whether the replay may begin, and claims its
// namespace.
func openServers(ctx context.Context, o *KafkaOptions) (*servers, error) {
	s := &servers{KafkaOptions: o, inputs: store.SortTopics(o.Servers.Inputs), changes: o.Servers.Changes}
	kafka, redis := o.Servers.Kafka, o.Servers.Redis
	// Topics that are not read or written are not even asked for: asking can create
	// them.
	kafka.Topics, kafka.ClientID = slices.Clone(s.inputs), "tidemark-replay"
	if o.ToTopic != "" {
		s.changes = o.ToTopic
		kafka.Topics = append(kafka.Topics, o.ToTopic)
	}
	redis.Namespace, redis.Topics = o.Namespace, s.inputs
	redis.Durability = store.Durability{} // what is lost can be replayed
	var err error
	if s.client, err = source.Open(kafka); err != nil {
		return nil, err
	}
	s.redis = store.Open(redis)
	for _, step := range []func(context.Context) error{s.count, s.claim, s.spool} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.close(ctx))
		}
	}
	return s, nil
}

func (s *servers) disconnect() error {
	s.client.Close()
	err := s.redis.Close()
	for _, spool := range []*spool{s.told, s.letters} {
		if spool != nil {
			err = errors.Join(err, spool.close())
		}
	}
	return err
}

// count finds how many shards there are.
func (s *servers) count(ctx context.Context) error {
	for _, topic := range s.topics() {
		n, err := s.client.Partitions(ctx, topic)
		if err != nil {
			return err
		}
		if s.partitions == 0 {
			s.partitions = n
		}
		if n != s.partitions {
			return fmt.Errorf("topic %s has %d partitions and %s has %d: all must have as many", s.inputs[0], s.partitions, topic, n)
		}
	}
	return nil
}

// topics are those of Kafka that the replay uses.
func (s *servers) topics() []string {
	if s.ToTopic == "" {
		return s.inputs
	}
	return append(slices.Clone(s.inputs), s.ToTopic)
}

// claim makes the namespace ours. One that is there already is somebody else's,
// unless the replay is shared.
func (s *servers) claim(ctx context.Context) (err error) {
	if s.reader, err = s.redis.Client(ctx); err != nil {
		return err
	}
	there, err := namespace.Open(s.reader, s.Namespace).Partitions(ctx)
	if err != nil {
		return err
	}
	if there != 0 && !s.Shared {
		return fmt.Errorf("namespace %s exists already: name another one, or delete it: tidemark namespace delete --namespace %s", s.Namespace, s.Namespace)
	}
	if there == 0 {
		if err := errors.Join(namespace.Open(s.reader, s.Namespace).Leftovers(ctx), s.empty(ctx)); err != nil {
			return s.unfinished(err)
		}
	}
	ours := store.Namespace{Policy: s.Policy.Version(), Document: s.Policy.Document(), Partitions: s.partitions, Replay: s.replay()}
	theirs, err := s.redis.Claim(ctx, ours)
	if err != nil {
		return s.unfinished(err)
	}
	s.claimed = theirs == ours
	return s.joins(theirs, ours)
}

// replay is what those who share the namespace agree on.
func (s *servers) replay() store.Replay {
	r := store.Replay{Inputs: strings.Join(s.inputs, ","), Changes: s.ToTopic}
	if s.Until != instant.None {
		r.Until = instant.Format(s.Until)
	}
	return r
}

// joins tells what keeps the replay out of a namespace that is there.
func (s *servers) joins(theirs, ours store.Namespace) error {
	if theirs == ours {
		return nil
	}
	name := s.Namespace
	switch there, here := theirs.Replay, ours.Replay; {
	case there.Inputs == "":
		return fmt.Errorf("namespace %s is no replay's but that of workers, who publish from it: name another one", name)
	case there.Inputs != here.Inputs:
		return fmt.Errorf("namespace %s belongs to a replay of %s, not of %s: name another one", name, there.Inputs, here.Inputs)
	case there.Changes != here.Changes:
		return fmt.Errorf("namespace %s belongs to a replay with --to-topic %q, not %q: give the same, or name another one", name, there.Changes, here.Changes)
	case there.Until != here.Until:
		return fmt.Errorf("namespace %s belongs to a replay with --until %q, not %q: give the same, or name another one", name, there.Until, here.Until)
	}
	return fmt.Errorf("namespace %s belongs to a replay under policy version %s over %d partitions, not %s over %d: name another one",
		name, theirs.Policy, theirs.Partitions, ours.Policy, ours.Partitions)
}

// unfinished adds to an error about a delete that was cut how to finish it.
func (s *servers) unfinished(err error) error {
	if errors.Is(err, namespace.ErrLeftovers) || errors.Is(err, store.ErrDeleted) {
		return fmt.Errorf("namespace %s: %w: name another one, or finish the delete: tidemark namespace delete --namespace %[1]s", s.Namespace, err)
	}
	return err
}

// empty makes sure that nobody's changes are in the topic for ours.
func (s *servers) empty(ctx context.Context) error {
	if s.ToTopic == "" {
		return nil
	}
	for partition := range s.partitions {
		start, end, err := s.client.Bounds(ctx, s.ToTopic, partition)
		if err != nil {
			return err
		}
		if start != end {
			return fmt.Errorf("topic %s holds records already: a replay needs an empty one; create another", s.ToTopic)
		}
	}
	return nil
}

func (s *servers) spool(context.Context) (err error) {
	if s.letters, err = newSpool(s.partitions); err != nil {
		return err
	}
	if s.ToTopic == "" {
		s.told, err = newSpool(s.partitions)
	}
	return err
}

// ports are the servers with the spools in front.
func (s *servers) ports() pipeline.Ports {
	ports := pipeline.Ports{Log: s.client, Store: s.redis, Sink: sink.New(s.client),
		Letters: deadletter.NewWriter(s.letters, s.letters, s.Servers.DeadLetters)}
	if s.told != nil {
		ports.Log, ports.Sink = spooledLog{s.client, s.changes, s.told}, s.told
	}
	return ports
}

// spooledLog is Kafka, but for one topic, which is in a spool.
type spooledLog struct {
	*source.Client
	topic string
	spool *spool
}

// Fetch reads the spooled topic, or the inputs: nobody asks for both at once.
func (l spooledLog) Fetch(ctx context.Context, at []source.Position, maxWait time.Duration, maxBytes int) ([]source.Fetched, error) {
	if len(at) != 1 || at[0].Topic != l.topic {
		return l.Client.Fetch(ctx, at, maxWait, maxBytes)
	}
	f, err := l.spool.fetch(at[0])
	return []source.Fetched{f}, err
}

// Bounds are those of the spooled topic or of an input.
func (l spooledLog) Bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	if topic == l.topic {
		return l.spool.Bounds(ctx, topic, partition)
	}
	return l.Client.Bounds(ctx, topic, partition)
}

// events is about how many records there are to replay.
func (s *servers) events(ctx context.Context) (total int64, err error) {
	for _, topic := range s.inputs {
		for partition := range s.partitions {
			start, end, err := s.client.Bounds(ctx, topic, partition)
			if err != nil {
				return 0, err
			}
			total += end - start
		}
	}
	return total, nil
}

// Partitions is how many every input has.
func (s *servers) Partitions() int32 { return s.partitions }

// States are the shards as they are stored.
func (s *servers) States(ctx context.Context) (states []store.State, err error) {
	states = make([]store.State, s.partitions)
	for shard := range states {
		if states[shard], err = s.redis.Stored(ctx, int32(shard)); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Read visits the changes or the dead letters of one partition.
func (s *servers) Read(ctx context.Context, topic string, partition int32, visit func(recordbatch.Record) error) error {
	switch {
	case topic == local.DeadLetters:
		return s.letters.read(topic, partition, visit)
	case s.told != nil:
		return s.told.read(topic, partition, visit)
	}
	start, end, err := s.client.Bounds(ctx, s.ToTopic, partition)
	if err != nil {
		return err
	}
	return s.client.Scan(ctx, s.ToTopic, partition, start, end, func(r *recordbatch.Record) error { return visit(*r) })
}

// loadCount is how many customers are loaded at once.
const loadCount = 1000

// Customers visits the stored value of every customer, by shard and then by the
// bytes of the id.
func (s *servers) Customers(ctx context.Context, visit func(shard int32, id string, value []byte) error) error {
	all := namespace.Open(s.reader, s.Namespace)
	for shard := range s.partitions {
		ids, err := all.Shard(ctx, shard)
		if err != nil {
			return fmt.Errorf("listing the customers: %w", err)
		}
		session, err := s.redis.Session(ctx, shard)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(ids, loadCount) {
			if err = load(ctx, session, shard, some, visit); err != nil {
				break
			}
		}
		if err := errors.Join(err, session.Close()); err != nil {
			return err
		}
	}
	return nil
}

func load(ctx context.Context, session store.Session, shard int32, ids []string, visit func(int32, string, []byte) error) error {
	values, err := session.Load(ctx, ids)
	if err != nil {
		return err
	}
	for i, value := range values {
		if err := visit(shard, ids[i], value); err != nil {
			return err
		}
	}
	return nil
}
