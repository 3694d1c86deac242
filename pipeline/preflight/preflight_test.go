package preflight

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/topics"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Kafka and a Redis as they should be, until a test spoils them.
type world struct {
	t       *testing.T
	servers *embedded.Servers
	config  Config
}

func newWorld(t *testing.T) *world {
	servers, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	w := &world{t: t, servers: servers, config: Config{
		Servers: pipeline.Servers{Kafka: source.Config{Brokers: servers.Brokers()}, Redis: store.Config{Addrs: []string{servers.RedisAddr()}}, Namespace: "shop",
			Inputs: []string{"purchases", "clicks"}, Changes: "changes", DeadLetters: "dead"},
		Policy: policy.Default(), Durability: "none",
	}}
	return w
}

// topic creates a topic, with settings in the form name, value, name, value.
func (w *world) topic(name string, partitions int32, settings ...string) {
	w.t.Helper()
	all := map[string]string{"max.message.bytes": "1048588", "message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete",
		"retention.ms": "-1"}
	for i := 0; i < len(settings); i += 2 {
		all[settings[i]] = settings[i+1]
	}
	require.NoError(w.t, w.servers.Kafka().CreateTopic(name, partitions, all))
}

// topics creates all of them as they should be, but for those named.
func (w *world) topics(but ...string) {
	w.t.Helper()
	left := map[string]bool{}
	for _, name := range but {
		left[name] = true
	}
	for _, name := range []string{"purchases", "clicks", "changes"} {
		if !left[name] {
			w.topic(name, 3)
		}
	}
	if !left["dead"] {
		w.topic("dead", 1, "max.message.bytes", "2000000")
	}
}

func (w *world) connect() *pipeline.Connection {
	w.t.Helper()
	c, err := pipeline.Connect(w.config.Servers)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, c.Close()) })
	return c
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (w *world) check() (*Report, error) {
	w.t.Helper()
	return Check(soon(w.t), w.connect(), w.config)
}

// passes is check for a world in which a worker may start.
func (w *world) passes() *Report {
	w.t.Helper()
	report, err := w.check()
	require.NoError(w.t, err)
	require.EqualValues(w.t, 3, report.Partitions)
	return report
}

// refused returns the reasons by their codes.
func (w *world) refused() map[string]string {
	w.t.Helper()
	_, err := w.check()
	var refusal Refusal
	require.ErrorAs(w.t, err, &refusal)
	reasons := map[string]string{}
	for _, stop := range refusal {
		require.NotEmpty(w.t, stop.Remedy, stop.Code)
		require.Contains(w.t, err.Error(), stop.Error())
		reasons[stop.Code] += stop.Reason + "\n"
	}
	return reasons
}

func (w *world) redis() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: w.servers.RedisAddr(), DisableIdentity: true})
	w.t.Cleanup(func() { require.NoError(w.t, c.Close()) })
	return c
}

func TestAWorldAsItShouldBe(t *testing.T) {
	w := newWorld(t)
	w.topics()
	report := w.passes()
	require.Len(t, report.Notes, 2, "of a Redis that does not tell: %v", report.Notes)
	require.Contains(t, report.Notes[0], "does not tell its version")
	require.Contains(t, report.Notes[1], "does not tell its eviction policy")

	stored, err := w.redis().HGetAll(t.Context(), keys.Namespace("shop")).Result()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"policy": policy.Default().Version(), "partitions": "3", "document": policy.Default().Document()}, stored)
	w.passes()
}

// What a first look creates on its own servers passes.
func TestTopicsAsTheyAreCreated(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	use := topics.Use{Inputs: w.config.Servers.Inputs, Changes: "changes", DeadLetters: "dead", Policy: w.config.Policy}
	_, err := use.Create(soon(t), c.Client, 3, -1)
	require.NoError(t, err)
	w.passes()
}

func TestAllThatIsWrongWithTheTopicsIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.topic("purchases", 3, "cleanup.policy", "compact,delete")
	w.topic("changes", 4, "cleanup.policy", "compact")
	w.topic("dead", 1, "max.message.bytes", "1048588")
	require.Equal(t, map[string]string{
		"topic-missing":      "topic clicks (an input) does not exist\n",
		"partitions-unequal": "changes topic changes has 4 partitions where the inputs have 3, but shard i writes partition i\n",
		"topic-compacted": "input purchases is compacted: of a customer's events only the last would stay\n" +
			"changes topic changes is compacted: what was published could not be read back after Redis lost it\n",
		"dead-letters-limit": "dead-letter topic dead takes records of 1048588 bytes, but the largest that the inputs take need 1114124 there: a shard that rejects one would wait for good\n",
	}, w.refused())
	n, err := w.redis().Exists(t.Context(), keys.Namespace("shop")).Result()
	require.NoError(t, err)
	require.Zero(t, n, "a refused start stores nothing")
}

func TestInputsOfUnequalPartitionCounts(t *testing.T) {
	w := newWorld(t)
	w.topics("clicks")
	w.topic("clicks", 2)
	require.Equal(t, map[string]string{
		"partitions-unequal": "input clicks has 2 partitions where 3 are needed, so a customer's events would lie in shards of different workers\n",
	}, w.refused())
}

func TestNotesOfTopicsThatCouldBeBetter(t *testing.T) {
	w := newWorld(t)
	w.topics("purchases", "changes")
	w.topic("purchases", 3, "message.timestamp.type", "CreateTime", "retention.ms", "604800000")
	w.topic("changes", 3, "retention.ms", "604800000")
	notes := w.passes().Notes[:3]
	require.Equal(t, []string{
		"input purchases is of CreateTime: a producer can set both times of an event, and a fast clock of one moves the time of its whole shard: set message.timestamp.type=LogAppendTime, or trust every producer's clock",
		"input purchases keeps 7d: if Redis is lost, or for another policy, segments cannot be computed again from it: set retention.ms to at least 32140800000 (372d: the horizon and a week), and retention.bytes=-1; only unlimited retention gives lifetime totals again",
		"changes topic changes keeps 7d: what was published longer ago could not be read back after Redis lost it, and versions would repeat: set retention.ms=-1 and retention.bytes=-1",
	}, notes)
}

func TestSettingsThatCannotBeReadAreANote(t *testing.T) {
	w := newWorld(t)
	w.topics()
	w.servers.Kafka().ControlKey(int16(kmsg.DescribeConfigs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.servers.Kafka().KeepControl()
		res := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
		for _, resource := range r.(*kmsg.DescribeConfigsRequest).Resources {
			one := kmsg.NewDescribeConfigsResponseResource()
			one.ResourceName, one.ResourceType, one.ErrorCode = resource.ResourceName, resource.ResourceType, 29
			res.Resources = append(res.Resources, one)
		}
		return res, nil, true
	})
	notes := w.passes().Notes
	require.Contains(t, notes[0], "the settings of topic clicks cannot be read ([29] Topic Authorization Failed")
	require.Contains(t, notes[0], "grant DescribeConfigs on topic clicks")
	require.Contains(t, notes[3], "the settings of topic dead cannot be read")
}

func TestABrokerThatIsTooOld(t *testing.T) {
	k, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.MaxVersions(kversion.V0_10_2()))
	require.NoError(t, err)
	defer k.Close()
	w := newWorld(t)
	w.config.Servers.Kafka.Brokers = k.ListenAddrs()
	reasons := w.refused()["broker-version"]
	for _, address := range k.ListenAddrs() {
		require.Contains(t, reasons, "the broker at "+address+" does not speak Produce 3 to 8 (it ends with 2), Fetch 4 to 11 (it ends with 3)\n")
	}
}

func TestANamespaceOfAnotherPolicyOrPartitionCount(t *testing.T) {
	w := newWorld(t)
	w.topics()
	w.passes()
	other := *policy.Default()
	other.Window, other.Lifecycle.LoyalOrders = 30*policy.Day, 4
	w.config.Policy = &other
	versions := "namespace shop was made by policy version " + policy.Default().Version() + ", but the configuration has " + other.Version()
	require.Equal(t, map[string]string{
		"policy-differs": versions + " (window is 365d there and 30d here, lifecycle.loyal_orders is 3 there and 4 here)\n",
	}, w.refused())

	// Without the hash of the namespace a shard's decides, without the difference.
	require.NoError(t, w.redis().Del(t.Context(), keys.Namespace("shop")).Err())
	shard := keys.Of("shop", 1).Shard()
	require.NoError(t, w.redis().HSet(t.Context(), shard, "head", "x:1", "policy", policy.Default().Version(), "partitions", "4").Err())
	require.Equal(t, map[string]string{
		"policy-differs":    versions + "\n",
		"partitions-differ": "namespace shop was made for 4 partitions, but the inputs have 3\n",
	}, w.refused())

	require.NoError(t, w.redis().HSet(t.Context(), shard, "partitions", "3").Err())
	w.config.Policy = policy.Default()
	w.passes()
	stored, err := w.redis().HGet(t.Context(), keys.Namespace("shop"), "document").Result()
	require.NoError(t, err)
	require.Equal(t, policy.Default().Document(), stored, "it was written again")
}

func TestWhatADeleteLeftIsRefused(t *testing.T) {
	w := newWorld(t)
	w.topics()
	r := w.redis()
	require.NoError(t, r.Set(t.Context(), keys.Of("shop", 1).Customer("c-42"), "value", 0).Err())
	require.Equal(t, map[string]string{
		"namespace-leftovers": "namespace shop: keys are left over of an earlier namespace of this name: \"tm:shop:{1}:c:c-42\"\n",
	}, w.refused())
	n, err := r.Exists(t.Context(), keys.Namespace("shop")).Result()
	require.NoError(t, err)
	require.Zero(t, n, "a refused start stores nothing")

	// Where a shard is there the namespace is, and only its hash was lost.
	shard := keys.Of("shop", 1).Shard()
	require.NoError(t, r.HSet(t.Context(), shard, "head", "x:1").Err())
	w.passes()
	require.NoError(t, r.HSet(t.Context(), shard, store.Deleted, 1).Err())
	require.Contains(t, w.refused()["namespace-leftovers"], "reading shard 1: ")
	require.NoError(t, r.HSet(t.Context(), keys.Namespace("shop"), store.Deleted, 1).Err())
	require.Contains(t, w.refused()["namespace-leftovers"], "a delete of the namespace has begun")
}

func TestANamespaceOfAReplayIsRefused(t *testing.T) {
	w := newWorld(t)
	w.topics()
	_, err := w.connect().Redis.Claim(t.Context(), store.Namespace{Policy: policy.Default().Version(), Document: policy.Default().Document(),
		Partitions: 3, Replay: store.Replay{Inputs: "clicks,purchases", Changes: "trial"}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"namespace-of-replay": "namespace shop was made by tidemark replay --namespace\n",
	}, w.refused())
}

func TestOfTwoFirstStartsOneIsToldOfTheOther(t *testing.T) {
	w := newWorld(t)
	w.topics()
	// The other one comes between our look at the namespace and our claim.
	c := w.connect()
	k := &check{Connection: c, config: w.config, partitions: 3}
	other := *policy.Default()
	other.Name = "other"
	k.use.Inputs, k.use.Changes = []string{"clicks", "purchases"}, "changes"
	w.servers.Kafka().ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		require.NoError(t, w.redis().HSet(t.Context(), keys.Namespace("shop"), "policy", other.Version(), "partitions", 3, "document", other.Document()).Err())
		return nil, nil, false
	})
	require.NoError(t, k.namespace(soon(t)))
	require.Len(t, k.refused, 1)
	require.Contains(t, k.refused[0].Error(), `(name is "other" there and "default" here): start with the namespace's policy`)
	require.Contains(t, k.refused[0].Error(), "; see docs/runbook.md#policy-differs")
}

func TestALogThatNoLongerReachesBack(t *testing.T) {
	w := newWorld(t)
	w.topics()
	c := w.connect()
	for partition := range int32(3) {
		for _, topic := range []string{"purchases", "changes"} {
			_, err := c.Producer.Produce(soon(t), topic, partition, []sink.Record{{Value: []byte("a")}, {Value: []byte("b")}})
			require.NoError(t, err)
			w.deleteRecords(topic, partition, 1)
		}
	}
	require.NoError(t, w.redis().HSet(t.Context(), keys.Of("shop", 2).Shard(), "head", "x:1", "pub", 3, "next:clicks", 4, "next:purchases", 1).Err())
	require.Equal(t, map[string]string{
		"log-truncated":     "topic purchases begins at offset 1 in partition 0, but 0 is needed (so in 1 more partition)\n",
		"log-shorter":       "topic clicks ends at offset 0 in partition 2, but was consumed up to 4\n",
		"changes-truncated": "changes topic changes begins at offset 1 in partition 0, but 0 is needed (so in 1 more partition)\n",
		"changes-shorter":   "changes topic changes ends at offset 2 in partition 2, but was acknowledged up to 3\n",
	}, w.refused())

	n, err := w.redis().Exists(t.Context(), keys.Namespace("shop")).Result()
	require.NoError(t, err)
	require.Zero(t, n, "a refused start stores nothing")

	w.config.AcceptTruncated = true
	require.Equal(t, map[string]string{
		"log-shorter": "topic clicks ends at offset 0 in partition 2, but was consumed up to 4\n",
	}, w.refused())
	require.NoError(t, w.redis().HDel(t.Context(), keys.Of("shop", 2).Shard(), "next:clicks").Err())
	require.Contains(t, w.passes().Notes[2], "partition 0 of topic purchases does not reach to offset 0 but only to 1 (so in 1 more partition): accepted")
}

func (w *world) deleteRecords(topic string, partition int32, before int64) {
	w.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: before}}}}
	client := adminClient(w.t, w.servers.Brokers())
	res, err := req.RequestWith(soon(w.t), client)
	require.NoError(w.t, err)
	require.Zero(w.t, res.Topics[0].Partitions[0].ErrorCode)
}

func TestStateThatThisVersionCannotRead(t *testing.T) {
	w := newWorld(t)
	w.topics()
	require.NoError(t, w.redis().HSet(t.Context(), keys.Of("shop", 0).Shard(), "head", "x:1", "pub", "many").Err())
	require.Contains(t, w.refused()["state-unreadable"], `reading shard 0: the shard's hash in Redis cannot be read: field "pub"`)
	require.NoError(t, w.redis().Del(t.Context(), keys.Of("shop", 0).Shard()).Err())
	require.NoError(t, w.redis().HSet(t.Context(), keys.Namespace("shop"), "partitions", "many").Err())
	require.Contains(t, w.refused()["state-unreadable"], "reading the namespace")
}

func TestServersThatCannotBeAsked(t *testing.T) {
	w := newWorld(t)
	w.topics()
	w.config.Servers.Redis.Addrs = []string{"127.0.0.1:1"}
	_, err := w.check()
	require.ErrorContains(t, err, "connecting to Redis: asking 127.0.0.1:1")
	var refusal Refusal
	require.False(t, errors.As(err, &refusal))

	w.config.Servers.Kafka.Brokers = []string{"127.0.0.1:1"}
	_, err = w.check()
	require.ErrorContains(t, err, "asking Kafka at 127.0.0.1:1 for its brokers")
	require.ErrorContains(t, err, "connecting to Redis: asking 127.0.0.1:1")
}

// three is a cluster of three brokers in place of one, each of which leads a
// partition of every topic.
func (w *world) three() *kfake.Cluster {
	w.t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(w.t, err)
	w.t.Cleanup(k.Close)
	w.config.Servers.Kafka.Brokers = k.ListenAddrs()[:1]
	for name, limit := range map[string]string{"purchases": "1000000", "clicks": "1000000", "changes": "1000000", "dead": "2000000"} {
		require.NoError(w.t, k.CreateTopic(name, 3, map[string]string{"max.message.bytes": limit}))
		for partition := range int32(3) {
			require.NoError(w.t, k.MoveTopicPartition(name, partition, partition))
		}
	}
	return k
}

// A broker that died leads its partitions until its session ends.
func TestABrokerThatDoesNotAnswerIsANote(t *testing.T) {
	w := newWorld(t)
	k := w.three()
	const dead = 1
	k.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		return nil, errors.New("the broker is dead"), k.CurrentNode() == dead
	})
	notes := strings.Join(w.passes().Notes, "\n")
	require.Contains(t, notes, "asking Kafka at "+k.ListenAddrs()[dead]+" for its versions")
	require.NotContains(t, notes, k.ListenAddrs()[2])
	require.Regexp(t, `asking for the bounds of (purchases|clicks|changes)/1: .*: left \(3 times in all\) to the take-over`, notes)
}

// One broker is asked for settings. Where one is silent it may be that one, and
// another has its part when it is missed.
func TestSettingsAreAskedForAgainWhileABrokerIsSilent(t *testing.T) {
	w := newWorld(t)
	w.topics()
	dies := func() {
		w.servers.Kafka().ControlKey(int16(kmsg.DescribeConfigs), func(kmsg.Request) (kmsg.Response, error, bool) {
			return nil, errors.New("it dies now"), true // and the next request is answered
		})
	}
	k := &check{Connection: w.connect(), config: w.config}
	k.use.Inputs, k.use.Changes, k.use.DeadLetters, k.use.Policy = []string{"clicks", "purchases"}, "changes", "dead", w.config.Policy
	dies()
	_, err := k.describe(soon(t))
	require.ErrorContains(t, err, "for the settings of its topics", "nobody is silent")
	k.absent = true
	dies()
	found, err := k.describe(soon(t))
	require.NoError(t, err)
	require.Len(t, found, 4)
}

// A log whose bounds nobody tells is not one that reaches back: where no broker is
// silent, somebody has to look.
func TestALogThatDoesNotTellItsBoundsIsAnError(t *testing.T) {
	w := newWorld(t)
	w.topics()
	w.servers.Kafka().ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.servers.Kafka().KeepControl()
		return nil, errors.New("connection lost"), true
	})
	_, err := w.check()
	require.ErrorContains(t, err, "asking for the bounds of ")
	n, err := w.redis().Exists(t.Context(), keys.Namespace("shop")).Result()
	require.NoError(t, err)
	require.Zero(t, n, "a start that ended stores nothing")
}

func TestBrokersNoneOfWhichAnswersAreAnError(t *testing.T) {
	w := newWorld(t)
	w.topics()
	listed := false
	w.servers.Kafka().Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.servers.Kafka().KeepControl()
		listed = listed || r.Key() == int16(kmsg.Metadata)
		return nil, errors.New("it has died since"), listed && r.Key() == int16(kmsg.ApiVersions)
	})
	_, err := w.check()
	require.ErrorContains(t, err, "asking Kafka at "+w.servers.Brokers()[0]+" for its versions")
}

// A worker who lacks a right is told of it by its name before he starts.
func TestARightInKafkaThatIsMissing(t *testing.T) {
	allowed := func(resource kmsg.ACLResourceType, name string, operations ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, operation := range operations {
			acls = append(acls, kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true})
		}
		return acls
	}
	const topic, read, write, configs = kmsg.ACLResourceTypeTopic, kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs
	all := map[string][]kfake.ACL{
		"Read on topic purchases":     allowed(topic, "purchases", read),
		"Read on topic clicks":        allowed(topic, "clicks", read),
		"Read on topic changes":       allowed(topic, "changes", read),
		"Write on topic changes":      allowed(topic, "changes", write),
		"Write on topic dead":         allowed(topic, "dead", write),
		"Read on group tidemark-shop": allowed(kmsg.ACLResourceTypeGroup, "tidemark-shop", read),
		"":                            slices.Concat(allowed(topic, "purchases", configs), allowed(topic, "clicks", configs), allowed(topic, "changes", configs), allowed(topic, "dead", configs)),
	}
	for lacking := range all {
		t.Run(lacking, func(t *testing.T) {
			var granted []kfake.ACL
			for right, acls := range all {
				if right != lacking || right == "" {
					granted = append(granted, acls...)
				}
			}
			k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "admin"),
				kfake.User("PLAIN", "worker", "secret", granted...))
			require.NoError(t, err)
			defer k.Close()
			w := newWorld(t)
			w.config.Servers.Kafka = source.Config{Brokers: k.ListenAddrs(), SASL: plain.Mechanism{Username: "worker", Password: "secret"}, User: "worker"}
			for _, name := range []string{"purchases", "clicks", "changes", "dead"} {
				require.NoError(t, k.CreateTopic(name, 3, map[string]string{"max.message.bytes": map[bool]string{true: "2000000", false: "1000000"}[name == "dead"]}))
			}
			if lacking == "" {
				w.passes()
				return
			}
			require.Equal(t, map[string]string{"kafka-rights": "User:worker lacks " + lacking + "\n"}, w.refused())
		})
	}
}

// adminClient asks what the engine itself never does.
func adminClient(t *testing.T, brokers []string) *kgo.Client {
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}
