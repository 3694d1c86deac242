//go:build real

package real_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

// What Kafka holds, replayed there, gives the bytes that the same events give in
// files; the live topics and Redis stay as they are.
func TestAReplayOfKafka(t *testing.T) {
	redisServer := startRedis(t)
	e := newEngine(t, sharedKafka(t), redisServer.Addr())
	lines := shopping(t, 20_000)
	e.feed(lines)

	dir := t.TempDir()
	options := func(name string) replay.Options {
		return replay.Options{Policy: policy.Default(), Until: instant.None, Log: zap.NewNop(),
			Changes: filepath.Join(dir, name+"-changes"), Profiles: filepath.Join(dir, name+"-profiles")}
	}
	files := options("files")
	files.Inputs, files.Stdin = []string{"-"}, bytes.NewReader(bytes.Join(lines, []byte("\n")))
	_, err := replay.Run(e.ctx, files)
	require.NoError(t, err)
	_, err = replay.FromKafka(e.ctx, replay.KafkaOptions{Options: options("kafka"), Servers: e.where, Namespace: "trial"})
	require.NoError(t, err)
	for _, result := range []string{"-changes", "-profiles"} {
		want, err := os.ReadFile(filepath.Join(dir, "files"+result))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dir, "kafka"+result))
		require.NoError(t, err)
		require.NotEmpty(t, want)
		require.True(t, bytes.Equal(want, got), "the %s differ", result[1:])
	}
	for _, topic := range []string{local.Changes, local.DeadLetters} {
		for partition := range int32(local.Partitions) {
			_, end, err := e.log.client.Bounds(e.ctx, e.log.names[topic], partition)
			require.NoError(t, err)
			require.Zero(t, end, "nothing was written")
		}
	}
	r := redis.NewClient(&redis.Options{Addr: redisServer.Addr()})
	defer func() { require.NoError(t, r.Close()) }()
	left, err := r.DBSize(e.ctx).Result()
	require.NoError(t, err)
	require.Zero(t, left, "the namespace is gone")
}

// Processes of a group share a replay, over a cluster, and what they leave is what
// the log says.
func TestASharedReplayOfKafka(t *testing.T) {
	e := newEngine(t, sharedKafka(t), startCluster(t, 3, 0).Addrs()...)
	e.feed(shopping(t, 20_000))
	o := replay.KafkaOptions{Options: replay.Options{Policy: policy.Default(), Until: instant.None, Log: zap.NewNop()},
		Servers: e.where, Namespace: "trial", ToTopic: e.where.Changes, Keep: true, Shared: true}
	o.Servers.Changes = "live"
	var processes errgroup.Group
	for range 3 {
		processes.Go(func() error {
			_, err := replay.FromKafka(e.ctx, o)
			return err
		})
	}
	require.NoError(t, processes.Wait())
	report, err := verify.Run(e.ctx, verify.Options{Kafka: e.where.Kafka, Redis: e.where.Redis, Namespace: "trial", Inputs: e.where.Inputs,
		Changes: e.where.Changes, Policy: policy.Default(), Replay: true})
	require.NoError(t, err)
	require.True(t, report.Good(), "%+v", report.First)
	require.Equal(t, int64(20_000), report.Records.Consumed)
}
