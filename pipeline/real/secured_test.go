//go:build real

package real_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/embedded"
	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pipeline/preflight"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sim/conformance"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/topics"
	"github.com/tidemark/tidemark/pipeline/verify"
	"github.com/tidemark/tidemark/pkg/keys"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Who the tests are to the servers.
const (
	user     = "tidemark"
	password = "never-to-be-shown"
)

// documented returns the commands in docs/security.md that begin so, each
// without the rest of its line's beginning.
func documented(t *testing.T, begins string) (commands [][]string) {
	text, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, begins); found {
			commands = append(commands, strings.Fields(rest))
		}
	}
	require.NotEmpty(t, commands, begins)
	return commands
}

// right is one of the documented rights, on a resource as an engine names it.
type right struct{ operation, resource, name string }

func (r right) String() string { return r.operation + " on " + r.resource + " " + r.name }

// rights are the documented ones, and what the documents call them.
func (e *engine) rights() map[string]right {
	names := map[string]string{"purchases": e.log.names[local.Purchases], "clicks": e.log.names[local.Clicks],
		"segment-changes": e.where.Changes, "dead-letters": e.where.DeadLetters, "tidemark-shop": "tidemark-" + e.where.Namespace}
	all := map[string]right{}
	for _, args := range documented(e.t, "kafka-acls.sh ") {
		var operations []string
		for i := 0; i+1 < len(args); i++ {
			switch value := args[i+1]; args[i] {
			case "--operation":
				operations = append(operations, value)
			case "--topic", "--group":
				require.Contains(e.t, names, value)
				for _, operation := range operations {
					all[operation+" "+value] = right{operation, strings.TrimPrefix(args[i], "--"), names[value]}
				}
			}
		}
	}
	return all
}

// grant gives a principal the documented rights to the topics of an engine, but
// for those that are named.
func (e *engine) grant(principal string, but ...string) {
	for name, r := range e.rights() {
		if !slices.Contains(but, name) {
			require.NoError(e.t, e.log.kafka.Grant(e.ctx, principal, r.operation, r.resource, r.name))
		}
	}
}

// admit makes an ACL user with the documented rights to a namespace.
func admit(t *testing.T, server *real.Redis, namespace string, but ...string) {
	for _, args := range documented(t, "ACL SETUSER tidemark ") {
		command := []any{"ACL", "SETUSER", user, "reset"}
		for _, arg := range args {
			switch arg {
			case ">secret":
				arg = ">" + password
			case "+waitaof": // Redis 7.2
				continue
			default:
				arg = strings.ReplaceAll(arg, "shop", namespace)
			}
			if !slices.Contains(but, strings.TrimPrefix(arg, "+")) {
				command = append(command, arg)
			}
		}
		require.NoError(t, server.Do(t.Context(), command...))
	}
}

// trusting is a client's side of TLS; with a name it shows a certificate.
func trusting(t *testing.T, authority *real.Authority, name string) *tls.Config {
	pem, err := os.ReadFile(authority.File())
	require.NoError(t, err)
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	require.True(t, c.RootCAs.AppendCertsFromPEM(pem))
	if name != "" {
		issued, err := authority.Issue(name)
		require.NoError(t, err)
		pair, err := tls.LoadX509KeyPair(issued.File, issued.KeyFile)
		require.NoError(t, err)
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

// serve is a worker's life as a member of the group.
func (e *engine) serve() {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	connection, err := pipeline.Connect(e.where)
	require.NoError(e.t, err)
	defer func() { require.NoError(e.t, connection.Close()) }()
	_, err = preflight.Check(ctx, connection, preflight.Config{Servers: e.where, Policy: policy.Default(), Durability: "none"})
	require.NoError(e.t, err)
	p, err := pipeline.New(e.config(), connection.Ports())
	require.NoError(e.t, err)
	members, err := pipeline.JoinGroup(pipeline.GroupConfig{ID: "tidemark-" + e.where.Namespace, Inputs: e.where.Inputs,
		Partitions: local.Partitions, Log: zap.NewNop()}, connection.Client)
	require.NoError(e.t, err)
	defer members.Leave()
	require.NoError(e.t, p.Serve(ctx, members))
}

// TestSecuredServers works in every way in which a worker can say who it is,
// with the documented rights and no others.
func TestSecuredServers(t *testing.T) {
	kafka, redis := secured(t)
	t.Run("is a store", func(t *testing.T) {
		conformance.Store(t, func(*testing.T) conformance.Opener { return securedOpener{redis} })
	})
	t.Run("unknown clients", func(t *testing.T) { unknownClients(t, kafka, redis) })
	t.Run("a right that is missing in Kafka", func(t *testing.T) { rightsMissingInKafka(t, kafka, redis) })
	t.Run("a right that is taken away in Kafka", func(t *testing.T) { rightsTakenAwayInKafka(t, kafka, redis) })
	t.Run("the engine", func(t *testing.T) { securedEngine(t, kafka, redis) })
}

// secured are servers that know the user of the tests, Redis without a right.
func secured(t *testing.T) (*real.Kafka, *real.Secured) {
	kafka := sharedKafka(t)
	redis, err := real.StartSecuredRedis(shared.authority)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, redis.Close()) })
	require.NoError(t, kafka.CreateUser(t.Context(), user, password))
	return kafka, redis
}

func securedEngine(t *testing.T, kafka *real.Kafka, redis *real.Secured) {
	lines := shopping(t, 1500)
	want := undisturbed(t, lines)

	for name, way := range map[string]struct {
		address   string
		principal string
		mechanism func() (sasl.Mechanism, error)
		show      string // the certificate
	}{
		"SCRAM-SHA-256": {kafka.SASL(), user, func() (sasl.Mechanism, error) { return scram.Mechanism(scram.SHA256, user, password) }, ""},
		"SCRAM-SHA-512": {kafka.SASL(), user, func() (sasl.Mechanism, error) { return scram.Mechanism(scram.SHA512, user, password) }, ""},
		"PLAIN": {kafka.SASL(), real.PlainUser, func() (sasl.Mechanism, error) {
			return plain.Mechanism{Username: real.PlainUser, Password: real.PlainPassword}, nil
		}, ""},
		"certificate": {kafka.MTLS(), "CN=worker", func() (sasl.Mechanism, error) { return nil, nil }, "worker"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, kafka, redis.Addr())
			e.where.Namespace = unused("secured")
			e.feed(lines)
			e.grant("User:" + way.principal)
			admit(t, redis.Redis, e.where.Namespace)

			var err error
			open := e.where
			e.where.Kafka.Brokers, e.where.Kafka.TLS = []string{way.address}, trusting(t, shared.authority, way.show)
			e.where.Kafka.SASL, err = way.mechanism()
			require.NoError(t, err)
			e.where.Redis = asUser(t, redis)
			e.serve()

			reader := e.where.Redis
			reader.Username = "verifier"
			command := []any{"ACL", "SETUSER", reader.Username, "reset", "on", ">" + password, "~tm:" + e.where.Namespace + ":*"}
			for _, word := range documented(t, "| `verify` |")[0] {
				if word = strings.Trim(word, "`"); strings.HasPrefix(word, "+") {
					command = append(command, word)
				}
			}
			require.NoError(t, redis.Do(t.Context(), command...))
			report, err := verify.Run(t.Context(), verify.Options{Kafka: e.where.Kafka, Redis: reader, Namespace: e.where.Namespace,
				Inputs: e.where.Inputs, Changes: e.where.Changes, Policy: policy.Default(), Replay: true})
			require.NoError(t, err)
			require.True(t, report.Good(), "%+v", report.First)
			e.where = open
			got := e.outcome(want.customers)
			requireSameChanges(t, want.changes, got.changes)
			requireSameRest(t, want, got)
		})
	}
}

// asUser is the side of a worker that Redis knows.
func asUser(t *testing.T, server *real.Secured) store.Config {
	return store.Config{Addrs: []string{server.TLSAddr()}, Username: user, Password: password, TLS: trusting(t, shared.authority, "worker")}
}

// securedOpener opens sessions as a user with the documented rights.
type securedOpener struct{ server *real.Secured }

func (o securedOpener) Session(t *testing.T, namespace string, shard int32) store.Session {
	admit(t, o.server.Redis, namespace)
	session, err := o.store(t, namespace).Session(context.Background(), shard)
	require.NoError(t, err)
	return session
}

func (o securedOpener) store(t *testing.T, namespace string) *store.Redis {
	config := asUser(t, o.server)
	config.Namespace, config.Topics = namespace, conformance.StoreTopics
	r := store.Open(config)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// unknownClients are told what is wrong with what they were given, but not what
// their password was.
func unknownClients(t *testing.T, kafka *real.Kafka, redis *real.Secured) {
	known := trusting(t, shared.authority, "")
	elsewhere := trusting(t, shared.authority, "worker")
	elsewhere.ServerName = "elsewhere"
	stranger := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	mechanism := func(algorithm scram.Algorithm, name, password string) sasl.Mechanism {
		m, err := scram.Mechanism(algorithm, name, password)
		require.NoError(t, err)
		return m
	}
	right, wrong := mechanism(scram.SHA512, user, password), mechanism(scram.SHA512, user, "never-to-be-shown-either")
	for says, c := range map[string]source.Config{
		"check kafka.sasl.username and kafka.sasl.password": {Brokers: []string{kafka.SASL()}, TLS: known, SASL: wrong},
		"Invalid username or password: check kafka.sasl":    {Brokers: []string{kafka.SASL()}, TLS: known, SASL: plain.Mechanism{Username: user, Password: password}},
		"unexpected EOF (where this lasts: kafka.tls":       {Brokers: []string{kafka.SASL()}, TLS: known},
		"see that kafka.tls.ca_file":                        {Brokers: []string{kafka.SASL()}, TLS: stranger, SASL: right},
		"or set kafka.tls.server_name":                      {Brokers: []string{kafka.SASL()}, TLS: elsewhere, SASL: right},
		"broker appears to be expecting TLS":                {Brokers: []string{kafka.SASL()}, SASL: right},
		"set kafka.sasl.mechanism to none":                  {Brokers: kafka.Brokers(), SASL: right},
		"does it ask for a certificate":                     {Brokers: []string{kafka.MTLS()}, TLS: known},
		"EOF (where this lasts: kafka.tls":                  {Brokers: kafka.Brokers(), TLS: known},
	} {
		c.Topics = []string{"any"}
		client, err := source.Open(c)
		require.NoError(t, err)
		_, err = client.Partitions(t.Context(), "any")
		client.Close()
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "never-to-be-shown")
	}

	admit(t, redis.Redis, "known")
	with := func(change func(*store.Config)) store.Config {
		c := asUser(t, redis)
		c.Namespace = "known"
		change(&c)
		return c
	}
	for says, c := range map[string]store.Config{
		"what it is: WRONGPASS":           with(func(c *store.Config) { c.Password = "never-to-be-shown-either" }),
		"head: WRONGPASS":                 with(func(c *store.Config) { c.Password, c.Mode = "never-to-be-shown-either", store.ModeStandalone }),
		"does it ask for a certificate":   with(func(c *store.Config) { c.TLS = known }),
		"see that redis.tls.ca_file":      with(func(c *store.Config) { c.TLS = stranger }),
		"or set redis.tls.server_name":    with(func(c *store.Config) { c.TLS = elsewhere }),
		"the server may want TLS":         with(func(c *store.Config) { c.TLS = nil }),
		"docs/security.md":                with(func(c *store.Config) { c.Namespace = "foreign" }),
		"is no node of a cluster":         with(func(c *store.Config) { c.Addrs = append(c.Addrs, redis.TLSAddr()) }),
		"this is no cluster":              {Addrs: []string{redis.Addr()}, Mode: store.ModeCluster},
		"those of the sentinels":          {Addrs: []string{redis.Addr()}, Sentinel: store.Sentinel{Master: "main"}},
		"may not speak TLS at this addre": {Addrs: []string{redis.Addr()}, TLS: known},
	} {
		r := store.Open(c)
		session, err := r.Session(t.Context(), 0)
		if err == nil {
			_, err = session.Head(t.Context())
			require.NoError(t, session.Close())
		}
		require.NoError(t, r.Close())
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "never-to-be-shown")
	}
}

// user has Kafka know somebody, and the engine be him.
func (e *engine) user() (principal string) {
	name := unused("user")
	require.NoError(e.t, e.log.kafka.CreateUser(e.ctx, name, password))
	mechanism, err := scram.Mechanism(scram.SHA512, name, password)
	require.NoError(e.t, err)
	e.where.Kafka = source.Config{Brokers: []string{e.log.kafka.SASL()}, TLS: trusting(e.t, shared.authority, ""), SASL: mechanism, User: name}
	e.where.Namespace = unused("lacking")
	return "User:" + name
}

// rightsMissingInKafka takes one right after the other away. A worker that lacks
// one does not start, and says which and how it is granted.
func rightsMissingInKafka(t *testing.T, kafka *real.Kafka, redis *real.Secured) {
	e := newEngine(t, kafka, redis.Addr())
	for lacking := range e.rights() {
		t.Run(lacking, func(t *testing.T) {
			principal := e.user()
			missing := e.rights()[lacking]
			e.grant(principal, lacking)
			report, err := checked(t, preflight.Config{Servers: e.where, Policy: policy.Default(), Durability: "none"})
			if missing.operation == "DescribeConfigs" {
				require.NoError(t, err)
				require.Contains(t, strings.Join(report.Notes, "\n"), "grant DescribeConfigs on topic "+missing.name)
				require.Len(t, slices.DeleteFunc(report.Notes, func(note string) bool { return !strings.Contains(note, "grant") }), 1)
				return
			}
			require.Equal(t, []string{"kafka-rights"}, codes(err))
			require.ErrorContains(t, err, principal+" lacks "+missing.String()+": grant it")
			require.ErrorContains(t, err, fmt.Sprintf(": kafka-acls.sh --add --allow-principal %s --operation %s --%s %s; see", principal, missing.operation, missing.resource, missing.name))
			require.NotContains(t, err.Error(), password)
		})
	}
	t.Run("all of them", func(t *testing.T) {
		principal := e.user()
		_, err := checked(t, preflight.Config{Servers: e.where, Policy: policy.Default(), Durability: "none"})
		require.Equal(t, []string{"kafka-rights"}, codes(err))
		for _, r := range e.rights() {
			if r.operation != "DescribeConfigs" {
				require.ErrorContains(t, err, r.String())
				require.ErrorContains(t, err, principal+" --operation "+r.operation)
			}
		}
	})
}

// rightsTakenAwayInKafka: a worker that loses a right while it runs says which, and
// goes on by itself when it is granted again. It passes over nothing.
func rightsTakenAwayInKafka(t *testing.T, kafka *real.Kafka, redis *real.Secured) {
	for name, does := range map[string]string{
		"Read purchases":        "Read on topic",
		"Read clicks":           "Read on topic",
		"Write segment-changes": "Write on topic",
		"Write dead-letters":    "Write on topic",
		"Read tidemark-shop":    "Read on group",
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, kafka, redis.Addr())
			principal := e.user()
			e.grant(principal)
			taken := e.rights()[name]
			said := make(chan string, 1)
			s := besiege(e, zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "message"}),
				zapcore.AddSync(writer(func(line []byte) {
					if strings.Contains(string(line), "lacks") {
						select {
						case said <- string(line):
						default:
						}
					}
				})), zap.WarnLevel)))
			s.others()
			require.NoError(t, kafka.Revoke(e.ctx, principal, taken.operation, taken.resource, taken.name))
			s.write(0, 1, func(int) sink.Record { return sink.Record{Value: []byte("{")} })
			s.write(1, 1, func(int) sink.Record {
				return s.event(s.home(1, "while"), 0, `"type":"purchase","id":"while","amount":1`)
			})
			select {
			case line := <-said:
				require.Contains(t, line, principal+" lacks "+does+" "+taken.name)
				require.Contains(t, line, fmt.Sprintf("--operation %s --%s %s grants it", taken.operation, taken.resource, taken.name))
				require.NotContains(t, line, password)
			case <-e.ctx.Done():
				t.Fatal("nothing was said")
			}
			require.NoError(t, kafka.Grant(e.ctx, principal, taken.operation, taken.resource, taken.name))
			s.others()
			s.consumed(0)
			s.rest()
			s.verifies()
			letters, _ := s.log.read(t, local.DeadLetters, 0)
			require.NotEmpty(t, letters)
		})
	}
}

type writer func([]byte)

func (w writer) Write(line []byte) (int, error) { w(line); return len(line), nil }

// TestRightsInRedis: a right that is missing is told at the start, by its name,
// before the first write. A commit that ended half way would lose changes for good.
func TestRightsInRedis(t *testing.T) {
	redis, err := real.StartSecuredRedis(sharedAuthority(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, redis.Close()) })
	servers, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	config := preflight.Config{Policy: policy.Default(), Durability: "none", Servers: pipeline.Servers{Namespace: unused("ns"),
		Kafka: source.Config{Brokers: servers.Brokers()}, Inputs: []string{"clicks", "purchases"}, Changes: "changes", DeadLetters: "dead", Redis: asUser(t, redis)}}
	connection, err := pipeline.Connect(config.Servers)
	require.NoError(t, err)
	use := topics.Use{Inputs: config.Servers.Inputs, Changes: "changes", DeadLetters: "dead", Policy: policy.Default()}
	_, err = use.Create(t.Context(), connection.Client, 3, 1)
	require.NoError(t, errors.Join(err, connection.Close()))
	at := func(t *testing.T, right, grant string) {
		_, err := checked(t, config)
		require.ErrorContains(t, err, "user "+user+" lacks "+right+": ACL SETUSER "+user+" "+grant+" grants it, docs/security.md lists all rights")
		require.Equal(t, []string{"redis-rights"}, codes(err))
		require.NotContains(t, err.Error(), password)
		require.ErrorContains(t, redis.Do(t.Context(), "GET", keys.Of(config.Servers.Namespace, 0).Shard()), "nil", "something was stored")
	}
	for _, right := range []string{"hget", "hgetall", "hset", "mset", "mget", "get", "set", "del", "type", "zadd", "zrem", "zrangebyscore", "evalsha", "exists", "scan"} {
		t.Run(right, func(t *testing.T) {
			admit(t, redis.Redis, config.Servers.Namespace, right)
			at(t, "+"+right, "+"+right)
		})
	}
	t.Run("keys", func(t *testing.T) {
		admit(t, redis.Redis, config.Servers.Namespace)
		require.NoError(t, redis.Do(t.Context(), "ACL", "SETUSER", user, "resetkeys", "~tm:other:*"))
		pattern := "~tm:" + config.Servers.Namespace + ":*"
		at(t, pattern, pattern)
	})
	for _, right := range []string{"info", "time"} { // what is not known then is a note, or time is the worker's own
		admit(t, redis.Redis, config.Servers.Namespace, right)
		_, err := checked(t, config)
		require.NoError(t, err, right)
	}
	t.Run("taken away", func(t *testing.T) { rightsTakenAwayInRedis(t, redis) })
}

// rightsTakenAwayInRedis: without a right that it had a worker stores nothing, says
// which it is, and goes on when it is granted again.
func rightsTakenAwayInRedis(t *testing.T, redis *real.Secured) {
	namespace := unused("lacking")
	opener := securedOpener{redis}
	for _, right := range []string{"hget", "hset", "mset", "set", "del", "type", "zadd", "zrem", "evalsha"} {
		admit(t, redis.Redis, namespace)
		s := opener.store(t, namespace)
		w := mustTakeOver(t, s, 0)
		require.NoError(t, w.commit("before"))
		require.NoError(t, redis.Do(t.Context(), "ACL", "SETUSER", user, "-"+right))
		require.ErrorContains(t, w.commit("meanwhile"), "user "+user+" lacks +"+right+": ACL SETUSER "+user+" +"+right+" grants it", right)
		_, err := takeOver(bounded(t), opener.store(t, namespace), 0)
		require.ErrorContains(t, err, "lacks +"+right, right)
		admit(t, redis.Redis, namespace)
		require.Equal(t, "before", stored(t, s, 0), right)
	}
	admit(t, redis.Redis, namespace)
	s := opener.store(t, namespace)
	w := mustTakeOver(t, s, 0)
	require.NoError(t, redis.Do(t.Context(), "ACL", "SETUSER", user, "resetkeys", "~tm:other:*"))
	require.ErrorContains(t, w.commit("meanwhile"), "lacks ~tm:"+namespace+":*")
	admit(t, redis.Redis, namespace)
}
