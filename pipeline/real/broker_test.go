//go:build real

package real_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/partition"
)

// brokersFall writes and reads while one broker after the other is killed and
// comes back: every error passes, and nothing that was acknowledged is gone.
func brokersFall(t *testing.T, kafka *real.Kafka) {
	const parts = 6
	l := openLog(t, kafka, map[string]int32{"in": parts}, map[string]string{"min.insync.replicas": "2"})
	written := map[int32]map[string]bool{}
	write := func(what string) {
		for p := range int32(parts) {
			value := fmt.Sprintf("%s-%d", what, p)
			require.NoError(t, real.Await(l.ctx, time.Minute, func(context.Context) error {
				_, err := l.Append("in", p, []sink.Record{{Value: []byte(value), Time: 1}})
				if err != nil && !source.Temporary(err) {
					t.Errorf("an error that does not pass: %v", err)
				}
				return err
			}))
			if written[p] == nil {
				written[p] = map[string]bool{}
			}
			written[p][value] = true
		}
	}
	read := func() {
		for p := range int32(parts) {
			require.NoError(t, real.Await(l.ctx, time.Minute, func(context.Context) error {
				answers, err := l.Fetch([]source.Position{{Topic: "in", Partition: p, MaxBytes: plenty}}, plenty)
				if err == nil {
					err = answers[0].Err
				}
				if err == nil && answers[0].HighWatermark < int64(len(written[p])) {
					err = fmt.Errorf("the high watermark is %d: %w", answers[0].HighWatermark, errBehind)
				}
				if err != nil && !source.Temporary(err) && !errors.Is(err, errBehind) {
					t.Errorf("an error that does not pass: %v", err)
				}
				return err
			}))
			records, _ := l.read(t, "in", p)
			got := map[string]bool{}
			for _, v := range values(records) {
				got[v] = true
			}
			require.Equal(t, slices.Sorted(maps.Keys(written[p])), slices.Sorted(maps.Keys(got)))
		}
	}
	write("all are there")
	read()
	for i := range 2 {
		kafka.Kill(i)
		write(fmt.Sprintf("broker %d is gone", i))
		read()
		require.NoError(t, kafka.Restart(i))
		write(fmt.Sprintf("broker %d is back", i))
		read()
	}
}

const plenty = 8 << 20

var errBehind = errors.New("a new leader learns the high watermark from its followers")

// TestEventTimeIsTheBrokers runs a live pipeline over topics that date records
// themselves: a producer's fast clock moves nobody's time.
func TestEventTimeIsTheBrokers(t *testing.T) {
	kafka := sharedKafka(t)
	redis := startRedis(t)
	e := newEngine(t, kafka, redis.Addr())
	stamped := map[string]string{"message.timestamp.type": "LogAppendTime"}
	inputs := openLog(t, kafka, map[string]int32{local.Purchases: local.Partitions, local.Clicks: local.Partitions}, stamped)
	e.where.Inputs = []string{inputs.names[local.Clicks], inputs.names[local.Purchases]}

	connection, err := pipeline.Connect(e.where)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	config := e.config()
	config.WallClock, config.TimerGrace, config.Publish = true, time.Second, pipeline.PublishAll
	p, err := pipeline.New(config, connection.Ports())
	require.NoError(t, err)
	ran := make(chan error, 1)
	go func() { ran <- p.Run(e.ctx) }()

	const customer = "c-1"
	shard := partition.Murmur2.Partition(customer, local.Partitions)
	begin := time.Now()
	buy := func(id string, ahead time.Duration) {
		at := instant.Format(time.Now().Add(ahead).UnixMilli())
		_, err := inputs.Append(local.Purchases, shard, []sink.Record{{Key: []byte(customer), Time: 1,
			Value: fmt.Appendf(nil, `{"id":%q,"type":"purchase","customer_id":%q,"occurred_at":%q,"amount":1}`, id, customer, at)}})
		require.NoError(t, err)
	}
	buy("early", 30*time.Minute)
	buy("too early", 2*time.Hour)
	require.NoError(t, real.Await(e.ctx, time.Minute, func(context.Context) error {
		_, changes, err := e.log.Bounds(local.Changes, shard)
		_, letters, err2 := e.log.Bounds(local.DeadLetters, shard)
		if err = errors.Join(err, err2); err == nil && (changes < 1 || letters < 1) {
			err = fmt.Errorf("%d changes, %d dead letters", changes, letters)
		}
		return err
	}))
	p.Drain()
	require.NoError(t, <-ran)

	records, _ := e.log.read(t, local.Changes, shard)
	require.Len(t, records, 1)
	head, err := change.Parse(records[0].Value)
	require.NoError(t, err)
	require.GreaterOrEqual(t, head.EffectiveAt, begin.UnixMilli())
	require.LessOrEqual(t, head.EffectiveAt, time.Now().UnixMilli())
	letters, _ := e.log.read(t, local.DeadLetters, shard)
	reason, _ := letters[0].Header("tidemark-reason")
	require.Equal(t, "future_dated", string(reason))
}
