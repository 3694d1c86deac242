//go:build real

package real_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

// Every secret that a worker may hold, and the variable that it comes from.
var passwords = map[string]string{
	"KAFKA_PASSWORD":    "kafkaNeverToBeShown",
	"REDIS_PASSWORD":    "redisNeverToBeShown",
	"SENTINEL_PASSWORD": "sentinelNeverToBeShown",
}

// TestAWorkerShowsNoSecret looks at all that a worker shows, its log at the level
// debug, what it serves, its arguments: while it works over servers that want
// passwords, while these have changed so that it cannot reach them any more, and
// where they were wrong from the start.
func TestAWorkerShowsNoSecret(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute) // a broker starts twice
	t.Cleanup(cancel)
	s, locks := guarded(ctx, t)
	var environment []string
	for name, value := range passwords {
		environment = append(environment, name+"="+value)
	}

	w, err := s.Start(ctx, 1, environment...)
	require.NoError(t, err)
	t.Cleanup(w.Kill)
	shop, err := s.Open(service.Mix{Seed: 1, Customers: 50, Broken: 0.1})
	require.NoError(t, err)
	t.Cleanup(shop.Close)
	shop.Trade(ctx, 500)
	require.NoError(t, shop.Flush(ctx))
	require.NoError(t, real.Await(ctx, time.Minute, s.Consumed), w.LastWords)
	require.NoError(t, real.Await(ctx, time.Minute, readiness(w, true)))
	require.True(t, w.Gained(), "its log is looked at")
	showsNone(t, w)

	for _, server := range locks {
		server.lock()
		require.NoError(t, real.Await(ctx, 2*time.Minute, func(context.Context) error {
			if !w.Tells(server.says) {
				return fmt.Errorf("the worker does not tell of %s\n%s", server.says, w.LastWords())
			}
			return nil
		}))
	}
	require.NoError(t, real.Await(ctx, time.Minute, readiness(w, false)))
	showsNone(t, w)
	w.Kill()

	again, err := s.Start(ctx, 2, environment...)
	require.NoError(t, err)
	t.Cleanup(again.Kill)
	<-again.Ended()
	require.Equal(t, 1, again.Code(), "its passwords are wrong")
	showsNone(t, again)
}

// lock changes a password on its servers, and shows whoever knew it the door.
type lock struct {
	says string // what a worker does then, again and again
	lock func()
}

// guarded is a service whose workers need all passwords, while its shop and its
// judge need none, and what changes these.
func guarded(ctx context.Context, t *testing.T) (s *service.Service, locks []lock) {
	kafka, sentinels := sharedKafka(t), startSentinels(t)
	dir, name, principal := t.TempDir(), unused("guarded"), unused("user")
	binary := filepath.Join(dir, "tidemark")
	require.NoError(t, service.Build(ctx, binary))
	s, err := service.New(service.Options{Name: name, Binary: binary, Dir: dir, Kafka: kafka.Brokers(), Shards: 2, Session: time.Second,
		Redis: service.Redis{Addrs: sentinels.Addrs(), Master: real.MasterName}})
	require.NoError(t, err)
	require.NoError(t, s.CreateTopics(ctx))

	require.NoError(t, kafka.CreateUser(ctx, principal, passwords["KAFKA_PASSWORD"]))
	for _, r := range []right{{"Read", "topic", s.Purchases}, {"Read", "topic", s.Clicks}, {"Read", "topic", s.Changes}, {"Write", "topic", s.Changes},
		{"Write", "topic", s.Letters}, {"Read", "group", "tidemark-" + name}} {
		require.NoError(t, kafka.Grant(ctx, "User:"+principal, r.operation, r.resource, r.name))
	}
	for i := range 2 {
		admit(t, sentinels.Server(i), name)
		require.NoError(t, sentinels.Server(i).Do(ctx, "ACL", "SETUSER", user, "resetpass", ">"+passwords["REDIS_PASSWORD"]))
	}
	require.NoError(t, sentinels.Do(ctx, "ACL", "SETUSER", "watcher", "reset", "on", ">"+passwords["SENTINEL_PASSWORD"], "allchannels", "+@all"))
	require.NoError(t, os.WriteFile(s.Config(), fmt.Appendf(nil, `namespace: %s
kafka:
  brokers: [%q]
  tls: {enabled: true, ca_file: %q}
  sasl: {mechanism: scram-sha-512, username: %s, password: "${KAFKA_PASSWORD}"}
  inputs: [{topic: %s}, {topic: %s}]
  topics: {changes: %s, dead_letters: %s}
redis:
  addrs: [%s]
  sentinel: {master: %s, username: watcher, password: "${SENTINEL_PASSWORD}"}
  username: %s
  password: ${REDIS_PASSWORD}
server: {listen: "127.0.0.1:0"}
log: {level: debug}
`, name, kafka.SASL(), shared.authority.File(), principal, s.Purchases, s.Clicks, s.Changes, s.Letters,
		strings.Join(sentinels.Addrs(), ", "), real.MasterName, user), 0o600))

	return s, []lock{
		{"WRONGPASS", func() {
			for i := range 2 {
				require.NoError(t, sentinels.Server(i).Do(ctx, "ACL", "SETUSER", user, "resetpass", ">another"))
				require.NoError(t, sentinels.Server(i).Do(ctx, "CLIENT", "KILL", "USER", user))
			}
		}},
		{"sentinels specified in configuration are unreachable: WRONGPASS", func() {
			require.NoError(t, sentinels.Do(ctx, "ACL", "SETUSER", "watcher", "resetpass", ">another"))
			require.NoError(t, sentinels.Do(ctx, "CLIENT", "KILL", "USER", "watcher"))
		}},
		{"check kafka.sasl.username and kafka.sasl.password", func() {
			require.NoError(t, kafka.CreateUser(ctx, principal, "another"))
			kafka.Kill(0)
			require.NoError(t, kafka.Restart(0))
		}},
	}
}

// readiness waits for a worker to be ready, or not to be.
func readiness(w *service.Worker, want bool) func(context.Context) error {
	return func(ctx context.Context) error {
		report, err := w.Ready(ctx)
		if err == nil && report.OK != want {
			err = fmt.Errorf("the worker is not as it should be: %v\n%s", report, w.LastWords())
		}
		return err
	}
}

// showsNone looks at what a worker said, at its arguments and, while it lives, at
// what it serves.
func showsNone(t *testing.T, w *service.Worker) {
	shown := map[string][]byte{}
	var err error
	shown["log"], err = os.ReadFile(w.Output)
	require.NoError(t, err)
	if !w.Gone() {
		for _, path := range []string{"/metrics", "/readyz", "/livez"} {
			var served error
			shown[path], served = w.Get(t.Context(), path)
			err = errors.Join(err, served)
		}
		var arguments error
		shown["arguments"], arguments = os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", w.PID()))
		require.NoError(t, errors.Join(err, arguments))
	}
	for where, text := range shown {
		require.NotEmpty(t, text, where)
		for name, secret := range passwords {
			for _, spelt := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))} {
				require.NotContains(t, string(text), spelt, "%s shows %s", where, name)
			}
		}
	}
}
