package embedded_test

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func redisClient(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// script is what a commit is made of: a condition, then writes of several kinds.
const script = `
if redis.call('HGET', KEYS[1], 'head') ~= ARGV[1] then return 'NO' end
redis.call('MSET', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], 'c')
redis.call('HSET', KEYS[1], 'head', ARGV[4])
return 'OK'`

func testRedis(t *testing.T, addr string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.HSet(ctx, "{0}:shard", "head", "a.1").Err())
	keys := []string{"{0}:shard", "{0}:c:x", "{0}:timers"}
	commit := func(head string) string {
		out, err := c.Eval(ctx, script, keys, head, "profile", 1772359200000, "a.2").Text()
		require.NoError(t, err)
		return out
	}
	require.Equal(t, "NO", commit("b.1"))
	require.Equal(t, "OK", commit("a.1"))
	require.Equal(t, "NO", commit("a.1"))
	value, err := c.Get(ctx, "{0}:c:x").Result()
	require.NoError(t, err)
	require.Equal(t, "profile", value)
	score, err := c.ZScore(ctx, "{0}:timers", "c").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1772359200000, score)
}

func TestServersServeAndLeaveNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s, err := embedded.Start(embedded.Options{Topics: map[string]int32{"purchases": 12, "segment-changes": 12, "dead-letters": 3}})
	require.NoError(t, err)
	testRedis(t, s.RedisAddr())
	require.NotNil(t, s.Miniredis())
	require.NotNil(t, s.Kafka())
	for _, a := range append(s.Brokers(), s.RedisAddr()) {
		require.True(t, strings.HasPrefix(a, "127.0.0.1:"), a)
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice is once")
	require.NoError(t, goleak.Find(before), "nobody listens any more")
}

// A real Redis is started where there is one, and else the answer says what to do.
func TestRealRedis(t *testing.T) {
	s, err := embedded.Start(embedded.Options{RealRedis: true})
	if _, missing := exec.LookPath("redis-server"); missing != nil {
		require.ErrorContains(t, err, "install it")
		return
	}
	require.NoError(t, err)
	testRedis(t, s.RedisAddr())
	require.Nil(t, s.Miniredis())
	info, err := redisClient(t, s.RedisAddr()).Info(context.Background(), "persistence").Result()
	require.NoError(t, err)
	require.Contains(t, info, "aof_enabled:0")
	dir, err := redisClient(t, s.RedisAddr()).ConfigGet(context.Background(), "dir").Result()
	require.NoError(t, err)

	server, err := redisClient(t, s.RedisAddr()).Info(context.Background(), "server").Result()
	require.NoError(t, err)
	pid, err := strconv.Atoi(regexp.MustCompile(`process_id:(\d+)`).FindStringSubmatch(server)[1])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0))
	require.NoError(t, s.Close())
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.NoDirExists(t, dir["dir"])
	require.NoError(t, s.Close(), "twice is once")
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	_, err := embedded.Start(embedded.Options{Topics: map[string]int32{"purchases": 0}})
	require.ErrorContains(t, err, "topic purchases with 0 partitions")
	t.Setenv("PATH", "")
	_, err = embedded.Start(embedded.Options{RealRedis: true})
	require.ErrorContains(t, err, "install it so that it is on the PATH")
}

func TestTwelvePartitionsAreTwelve(t *testing.T) {
	l := openBroker(t, map[string]int32{"purchases": 12, "clicks": 12, "odd": 5})
	for topic, want := range map[string]int32{"purchases": 12, "clicks": 12, "odd": 5} {
		n, err := l.client.Partitions(l.ctx, topic)
		require.NoError(t, err)
		require.Equal(t, want, n, topic)
		for p := range want {
			_, end, err := l.Bounds(topic, p)
			require.NoError(t, err)
			require.Zero(t, end, fmt.Sprint(topic, p))
		}
	}
}
