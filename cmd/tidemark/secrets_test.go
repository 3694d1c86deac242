package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v3"

	"github.com/tidemark/tidemark/config"
)

// secretive is a configuration that has every secret there is, with the variables
// that hold them.
func secretive(t *testing.T, kafka, redis, more string) *config.Config {
	secrets(t)
	writeFile(t, "tidemark.yaml", fmt.Sprintf(`kafka:
  brokers: [%q]
  sasl: {mechanism: plain, username: tidemark, password: "${KAFKA_PASSWORD}"}
redis:
  addrs: [%q]
  username: tidemark
  password: ${REDIS_PASSWORD}
%slog: {level: debug}
server: {listen: "127.0.0.1:0"}
`, kafka, redis, more))
	c, err := config.Load("tidemark.yaml", os.LookupEnv)
	require.NoError(t, err)
	return c
}

const sentinel = "  sentinel: {master: main, username: watcher, password: \"${SENTINEL_PASSWORD}\"}\n"

// Whoever prints a configuration, or what is made of it, by whatever means, shows
// no secret: neither in a message, nor in a panic, nor in a log.
func TestNoWayOfPrintingShowsASecret(t *testing.T) {
	t.Chdir(t.TempDir())
	c := secretive(t, "localhost:9092", "localhost:6379", sentinel)
	where, err := servers(c)
	require.NoError(t, err)
	require.Equal(t, hidden, c.Kafka.SASL.Password.Reveal())
	require.Equal(t, hidden, where.Redis.Password)
	shows := func(how string, text []byte) {
		require.NotContains(t, string(text), hidden, how)
		require.NotContains(t, string(text), fmt.Sprintf("%x", hidden), how)
	}
	for _, value := range []any{c, *c, c.Kafka, c.Redis, c.Redis.Password, &c.Redis.Password, where, &where, where.Kafka, where.Redis, where.Redis.Sentinel} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T"} {
			shows(fmt.Sprintf("%s of %T", verb, value), fmt.Appendf(nil, verb, value))
		}
		if text, err := json.Marshal(value); err == nil {
			shows(fmt.Sprintf("JSON of %T", value), text)
		}
		func() {
			defer func() { shows(fmt.Sprintf("a panic with %T", value), fmt.Append(nil, recover())) }()
			panic(value)
		}()
		var log bytes.Buffer
		zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(&log), zap.DebugLevel)).
			Error("", zap.Any("value", value), zap.Reflect("reflected", value), zap.Error(fmt.Errorf("%+v", value)))
		shows(fmt.Sprintf("zap's fields of %T", value), log.Bytes())
	}
	text, err := yaml.Marshal(c.Kafka.SASL)
	require.NoError(t, err)
	shows("YAML", text)
	require.Contains(t, string(text), "${KAFKA_PASSWORD}")
}

// Commands that reach no server, or are refused by one, say why and show no secret.
func TestNoCommandShowsASecret(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	guarded := miniredis.RunT(t)
	guarded.RequireUserAuth("tidemark", "another")
	emptyServers(t, map[string]int32{"purchases": 3, "clicks": 3, "segment-changes": 3, "dead-letters": 3})
	open, err := config.Load("tidemark.yaml", os.LookupEnv)
	require.NoError(t, err)
	kafka := open.Kafka.Brokers[0]
	certificate := filepath.Join(t.TempDir(), "no.pem")
	for name, server := range map[string]struct{ kafka, redis, more string }{
		"nobody there":     {closed.Addr().String(), closed.Addr().String(), ""},
		"no sentinels":     {kafka, closed.Addr().String(), sentinel},
		"a wrong password": {kafka, guarded.Addr(), ""},
		"no TLS there":     {kafka, guarded.Addr(), "  tls: {enabled: true}\n"},
		"no certificate":   {kafka, guarded.Addr(), "  tls: {enabled: true, ca_file: " + certificate + "}\n"},
	} {
		secretive(t, server.kafka, server.redis, server.more)
		for _, command := range []string{"config check", "config print", "topics", "get c-1", "run", "verify", "export",
			"dead-letters list", "dead-letters retry", "namespace inspect", "replay", "repartition --from purchases"} {
			ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond) // what is tried again goes on for long
			var stdout, stderr bytes.Buffer
			code := run(ctx, append(strings.Fields(command), "-c", "tidemark.yaml"), nil, &stdout, &stderr)
			cancel()
			require.NotContains(t, stdout.String()+stderr.String(), hidden, "%s: %s", name, command)
			require.Equal(t, strings.HasPrefix(command, "config"), code == good, "%s: %s: %s", name, command, &stderr)
		}
	}
}

// A secret in a file is refused, and not repeated, however it is spelt.
func TestASecretInAFileIsNotRepeated(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, spelt := range []string{hidden, "'" + hidden + "'", "*" + hidden, "!" + hidden + " x", "&" + hidden + " x", "[" + hidden + "]", "{" + hidden + ": x}",
		"{x: " + hidden + "}", "\"" + hidden, "'" + hidden, "|\n    " + hidden, "${" + hidden, "${KAFKA_PASSWORD}" + hidden, "@" + hidden, "%" + hidden, "`" + hidden, hidden + ": " + hidden} {
		writeFile(t, "tidemark.yaml", "redis:\n  password: "+spelt+"\n")
		r := tidemark(t, nil, "config", "check", "tidemark.yaml")
		require.Equal(t, failed, r.code, spelt)
		require.NotContains(t, r.stdout+r.stderr, hidden, spelt)
	}
}

// No flag takes a secret, which would stand in the list of processes and in the
// history of shells; and no help shows the environment.
func TestNoFlagTakesASecret(t *testing.T) {
	secrets(t)
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		help := c.Long + c.Example + c.UsageString()
		require.NotContains(t, help, hidden)
		for _, word := range []string{"--password", "--secret", "--token"} {
			require.NotContains(t, help, word, c.CommandPath())
		}
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	visit(rootCommand())
}
