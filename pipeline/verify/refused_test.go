package verify_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/policy"
)

// franz is a client that does what the engine never does.
func (w *world) franz(options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(w.servers.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

// deleteRecords does to the shard's partition of a topic what retention does.
func (w *world) deleteRecords(topic string, before int64) {
	w.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: theShard, Offset: before}}}}
	_, err := req.RequestWith(w.t.Context(), w.franz())
	require.NoError(w.t, err)
}

// What cannot be recomputed is no difference and no agreement either.
func TestWhatCannotBeVerifiedIsAnError(t *testing.T) {
	w := told(t)
	refused := func(says string, edit func(*verify.Options)) {
		t.Helper()
		for _, isReplay := range []bool{true, false} {
			o := w.options()
			o.Replay = isReplay
			edit(&o)
			report, err := verify.Run(t.Context(), o)
			require.ErrorContains(t, err, says)
			require.Nil(t, report)
		}
	}
	asItIs := func(*verify.Options) {}
	other := *policy.Default()
	other.Window = 30 * policy.Day
	refused("was made by policy version "+w.policy.Version()+", not "+other.Version(), func(o *verify.Options) { o.Policy = &other })
	require.NoError(t, w.servers.Kafka().CreateTopic("wide", local.Partitions+1, nil))
	refused("topic wide has", func(o *verify.Options) { o.Inputs = []string{local.Purchases, "wide"} })
	refused(verify.ErrNothing.Error(), func(o *verify.Options) { o.Namespace = "none" })
	saved := w.save()
	var moving error
	refused("moved on while it was verified: drain the workers first", func(o *verify.Options) {
		o.Progress = func(p verify.Progress) {
			if p.Records == 1 { // the shard's hash was read before
				moving = errors.Join(moving, w.redis.HSet(t.Context(), w.keys().Shard(), "head", fmt.Sprintf("another:%t", o.Replay)).Err())
			}
		}
	})
	require.NoError(t, moving)
	w.restore(saved)
	requireClean(t, w.verify(true))

	w.deleteRecords(local.Clicks, 1)
	refused("topic clicks begins at offset 1 in partition 5: verify needs the log from its beginning", asItIs)
}

func TestAChangesTopicThatWasCutIsAnError(t *testing.T) {
	w := told(t)
	w.deleteRecords(local.Changes, 1)
	_, err := verify.Run(t.Context(), w.options())
	require.ErrorContains(t, err, "begins at offset 1: verify needs all of it")
}

// What a producer rolled back was never said.
func TestWhatWasRolledBackIsNotRead(t *testing.T) {
	w := newWorld(t)
	id := neighbours(1)[0]
	producer := w.franz(kgo.TransactionalID("shop"))
	write := func(line string, how kgo.TransactionEndTry) {
		require.NoError(t, producer.BeginTransaction())
		require.NoError(t, producer.ProduceSync(t.Context(), &kgo.Record{Topic: local.Purchases, Partition: theShard, Value: []byte(line)}).FirstErr())
		require.NoError(t, producer.EndTransaction(t.Context(), how))
	}
	line := func(event, order string) string {
		return `{"customer_id":"` + id + `","occurred_at":"2025-01-01T10:00:00Z","type":"purchase","amount":"1","id":"` + event + `","order_id":"` + order + `"}`
	}
	write(line("e1", "o1"), kgo.TryAbort)
	write(line("e2", "o2"), kgo.TryCommit)
	write(line("e3", "o3"), kgo.TryAbort)
	w.replay(at(t, "2025-02-01T00:00:00Z"))
	for _, isReplay := range []bool{true, false} {
		r := w.verify(isReplay)
		requireClean(t, r)
		require.EqualValues(t, 1, r.Records.Consumed)
	}
}
