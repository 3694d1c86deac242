package topics

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var use = Use{Inputs: []string{"clicks", "purchases"}, Changes: "changes", DeadLetters: "dead", Policy: policy.Default()}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func cluster(t *testing.T) (*embedded.Servers, *source.Client) {
	servers, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	client, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: use.Names()})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return servers, client
}

func TestCreatedTopicsAreAsTheyShouldBe(t *testing.T) {
	servers, client := cluster(t)
	require.NoError(t, servers.Kafka().CreateTopic("purchases", 5, map[string]string{"max.message.bytes": "3000000",
		"message.timestamp.type": "CreateTime", "retention.ms": "1000", "cleanup.policy": "delete"}))
	require.NoError(t, servers.Kafka().CreateTopic("clicks", 5, map[string]string{"max.message.bytes": "2000000",
		"message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "cleanup.policy": "delete"}))
	created, err := use.Create(soon(t), client, 5, -1)
	require.NoError(t, err)
	require.Equal(t, []string{"changes", "dead"}, created)

	found, err := Describe(soon(t), client, use.Names())
	require.NoError(t, err)
	findings := use.Judge(found, 0)
	require.Zero(t, Refused(findings))
	is := map[string]string{}
	for _, f := range findings {
		is[f.Topic+" "+f.Property] = f.Is
		if f.Topic != "purchases" {
			require.Equal(t, Good, f.Level, f.Reason)
		}
	}
	require.Equal(t, "unlimited", is["changes retention"])
	require.Equal(t, "5", is["changes partitions"])
	require.Equal(t, "3065536 bytes", is["dead record size"], "the largest input and room for the headers")
	require.Equal(t, "1s", is["purchases retention"], "what exists stays as it is")

	created, err = use.Create(soon(t), client, 5, -1)
	require.NoError(t, err)
	require.Empty(t, created)
}

// How large dead letters may be follows from the inputs, which nobody may know yet
// that were created a moment ago.
func TestDeadLettersTakeWhatNewInputsTake(t *testing.T) {
	servers, client := cluster(t)
	answers := 0
	servers.Kafka().ControlKey(int16(kmsg.DescribeConfigs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		servers.Kafka().KeepControl()
		if answers++; answers > 2 {
			return nil, nil, false
		}
		res := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
		for _, asked := range r.(*kmsg.DescribeConfigsRequest).Resources {
			one := kmsg.NewDescribeConfigsResponseResource()
			one.ErrorCode, one.ResourceType, one.ResourceName = int16(kafka.UnknownTopicOrPartition), asked.ResourceType, asked.ResourceName
			res.Resources = append(res.Resources, one)
		}
		return res, nil, true
	})
	_, err := use.Create(soon(t), client, 5, -1)
	require.NoError(t, err)
	found, err := Describe(soon(t), client, use.Names())
	require.NoError(t, err)
	input, ok := found[1].number(maxMessageBytes)
	require.True(t, ok)
	require.Greater(t, input, int64(use.Policy.MaxEventBytes), "the brokers' default is more than an event may have")
	letters, ok := found[len(found)-1].number(maxMessageBytes)
	require.True(t, ok)
	require.Equal(t, input+Room, letters)
}

// The brokers' own limit of size must not count for what is to be kept for ever.
func TestNothingLimitsWhatIsKeptForEver(t *testing.T) {
	for _, name := range append([]string{use.Changes}, use.Inputs...) {
		is := map[string]string{}
		for _, s := range use.settings(name, nil) {
			is[s.Name] = s.Value
		}
		require.Equal(t, "-1", is[retention], name)
		require.Equal(t, "-1", is[retentionBytes], name)
	}
}

func TestATopicThatCannotBeCreated(t *testing.T) {
	servers, client := cluster(t)
	servers.Kafka().ControlKey(int16(kmsg.CreateTopics), func(r kmsg.Request) (kmsg.Response, error, bool) {
		res := r.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, topic := range r.(*kmsg.CreateTopicsRequest).Topics {
			one := kmsg.NewCreateTopicsResponseTopic()
			one.Topic, one.ErrorCode = topic.Topic, 38
			message := "there are 1 brokers"
			one.ErrorMessage = &message
			res.Topics = append(res.Topics, one)
		}
		return res, nil, true
	})
	created, err := use.Create(soon(t), client, 5, 3)
	require.ErrorContains(t, err, "creating topic clicks: there are 1 brokers")
	require.Empty(t, created)
}

func TestTheTable(t *testing.T) {
	described := []Topic{
		{Name: "clicks", Partitions: 3, settings: map[string]string{timestampType: "CreateTime", cleanup: "delete", retention: "-1", retentionBytes: "1000", maxMessageBytes: "1048588"}},
		{Name: "purchases", Partitions: 2, settings: map[string]string{timestampType: "LogAppendTime", cleanup: "compact", retention: "40000000000", retentionBytes: "-1", maxMessageBytes: "10"}},
		{Name: "changes"},
		{Name: "dead", Partitions: 1, unread: context.Canceled},
	}
	findings := use.Judge(described, 0)
	require.Equal(t, 3, Refused(findings))
	var text strings.Builder
	require.NoError(t, Print(&text, findings))
	table, rest, _ := strings.Cut(text.String(), "\n\n")
	require.Equal(t, strings.TrimSpace(`
  TOPIC      PROPERTY    IS             SHOULD BE
  clicks     partitions  3              3
~ clicks     timestamps  CreateTime     LogAppendTime
  clicks     clean-up    delete         delete
~ clicks     retention   1000 bytes     unlimited, or at least 372d
! purchases  partitions  2              3
  purchases  timestamps  LogAppendTime  LogAppendTime
! purchases  clean-up    compact        delete
  purchases  retention   40000000s      unlimited, or at least 372d
! changes    partitions  missing        3
? dead       settings    unknown        readable`), strings.TrimSpace(table))
	require.Contains(t, rest, "! topic changes (the changes) does not exist:\n  create it: `tidemark topics --create` does; or mend its name in the configuration.\n")
	require.Contains(t, rest, "? the settings of topic dead cannot be read (context canceled)")
	require.Equal(t, 6, strings.Count("\n"+rest, "\n! ")+strings.Count("\n"+rest, "\n~ ")+strings.Count("\n"+rest, "\n? "))
}

// With nothing there and a wish, all have to have as many.
func TestAWishForPartitions(t *testing.T) {
	described := []Topic{{Name: "clicks", Partitions: 3, settings: map[string]string{}}, {Name: "purchases"}, {Name: "changes"}, {Name: "dead"}}
	findings := use.Judge(described, 6)
	require.Equal(t, Finding{Topic: "clicks", Property: "partitions", Is: "3", Should: "6", Level: Wrong, Code: Unequal,
		Reason: findings[0].Reason, Remedy: findings[0].Remedy}, findings[0])
	require.Contains(t, findings[0].Reason, "has 3 partitions where 6 are needed")
	for _, f := range findings[1:] {
		require.Equal(t, Missing, f.Code)
		require.Equal(t, "6", f.Should)
	}
}

// A partition count cannot be lowered, so nothing is created beside one that
// does not fit.
func TestNothingIsCreatedBesideWhatDoesNotFit(t *testing.T) {
	for name, says := range map[string]string{"purchases": "purchases has 4", "changes": "changes has 4"} {
		servers, client := cluster(t)
		require.NoError(t, servers.Kafka().CreateTopic(name, 4, nil))
		created, err := use.Create(soon(t), client, 5, -1)
		require.ErrorContains(t, err, says+": inputs and changes need the same number, so nothing was created")
		require.Empty(t, created)
		found, err := Describe(soon(t), client, use.Names())
		require.NoError(t, err)
		for _, topic := range found {
			require.Equal(t, topic.Name == name, topic.Exists(), topic.Name)
		}
	}
	servers, client := cluster(t)
	require.NoError(t, servers.Kafka().CreateTopic("dead", 4, nil))
	created, err := use.Create(soon(t), client, 5, -1)
	require.NoError(t, err, "dead letters may have any")
	require.ElementsMatch(t, []string{"clicks", "purchases", "changes"}, created)
}

// Of two who create at once each finds what it needs.
func TestSomebodyElseIsFaster(t *testing.T) {
	servers, client := cluster(t)
	other, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: use.Names()})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	k := servers.Kafka()
	var requests atomic.Int32
	asked, done := make(chan struct{}), make(chan struct{})
	k.ControlKey(int16(kmsg.CreateTopics), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if requests.Add(1) == 1 {
			close(asked)
			k.SleepControl(func() { <-done })
		}
		return nil, nil, false
	})
	var late []string
	var slower errgroup.Group
	slower.Go(func() (err error) { late, err = use.Create(soon(t), client, 5, -1); return err })
	<-asked
	created, err := use.Create(soon(t), other, 5, -1)
	close(done)
	require.NoError(t, err)
	require.Len(t, created, 4)
	require.NoError(t, slower.Wait())
	require.Empty(t, late)
}

func TestReplicasAreThoseAskedFor(t *testing.T) {
	k, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	t.Cleanup(k.Close)
	client, err := source.Open(source.Config{Brokers: k.ListenAddrs(), Topics: use.Names()})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	_, err = use.Create(soon(t), client, 5, 2)
	require.NoError(t, err)
	found, err := Describe(soon(t), client, use.Names())
	require.NoError(t, err)
	for _, topic := range found {
		require.Equal(t, 2, topic.Replicas, topic.Name)
	}
}

// A topic that may not be looked at is not one that is missing, which somebody
// would create.
func TestATopicThatMayNotBeDescribed(t *testing.T) {
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, use.Names()...), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("PLAIN", "worker", "secret"))
	require.NoError(t, err)
	t.Cleanup(k.Close)
	client, err := source.Open(source.Config{Brokers: k.ListenAddrs(), Topics: use.Names(), SASL: plain.Mechanism{Username: "worker", Password: "secret"}, User: "worker"})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	_, err = Describe(soon(t), client, use.Names())
	require.ErrorContains(t, err, "for topic clicks: ")
	require.ErrorContains(t, err, "User:worker lacks Describe on topic clicks")
}

func TestHowLongIsLongEnough(t *testing.T) {
	needed := use.Policy.Horizon() + policy.Grace
	for _, c := range []struct {
		ms, cleanup string
		retention   Level
		cleaned     Level
	}{
		{strconv.FormatInt(needed, 10), "delete", Good, Good},
		{strconv.FormatInt(needed-1, 10), "delete", Advice, Good},
		{"-1", "compact,delete", Good, Wrong},
		{"-1", "", Good, Good}, // nothing is cleaned up
	} {
		described := []Topic{{Name: "clicks", Partitions: 1, settings: map[string]string{retention: c.ms, cleanup: c.cleanup}},
			{Name: "purchases"}, {Name: "changes"}, {Name: "dead"}}
		levels := map[string]Level{}
		for _, f := range use.Judge(described, 0) {
			if f.Topic == "clicks" {
				levels[f.Property] = f.Level
			}
		}
		require.Equal(t, c.retention, levels["retention"], c.ms)
		require.Equal(t, c.cleaned, levels["clean-up"], c.cleanup)
	}
}
