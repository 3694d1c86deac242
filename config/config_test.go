package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/policy"
)

func environment(variables map[string]string) Environment {
	return func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	}
}

var fixtureEnvironment = environment(map[string]string{"EMPTY": "", "PORT": "9092", "NUMBER": "4", "TEXT": "a: [b", "PASSWORD": hidden})

// hidden is the value of every secret of the fixtures.
const hidden = "not-to-be-shown"

// Every file in testdata/bad has its exact messages beside it.
func TestBadFilesHaveTheirExactMessages(t *testing.T) {
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".txt")
			require.NoError(t, err)
			_, err = Load(file, fixtureEnvironment)
			require.Error(t, err)
			require.Equal(t, strings.TrimSpace(string(want)), err.Error())
			require.NotContains(t, err.Error(), hidden)
		})
	}
}

func TestTheExampleOfTheDocumentation(t *testing.T) {
	c, err := Load("testdata/good/full.yaml", fixtureEnvironment)
	require.NoError(t, err)
	want := Default()
	want.Policy.Rates = map[string]string{"USD": "0.92"}
	require.Equal(t, want, c)
	require.Equal(t, "tidemark-shop", c.Group())
}

func TestWhatIsLeftOutHasItsDefault(t *testing.T) {
	for name, document := range map[string]string{"empty": "", "comment": "# nothing\n", "null": "~", "empty sections": "kafka:\npolicy:\n"} {
		c, err := parse("tidemark.yaml", []byte(document), fixtureEnvironment)
		require.NoError(t, err, name)
		require.Equal(t, Default(), c, name)
	}
}

func TestThePolicyMayBeInAFileBeside(t *testing.T) {
	c, err := Load("testdata/good/beside.yaml", fixtureEnvironment)
	require.NoError(t, err)
	require.Equal(t, 4, c.Policy.Lifecycle.LoyalOrders)
	require.Equal(t, filepath.Join("testdata", "good", "policies", "strict.yaml"), c.PolicyFile)
}

func TestEnvironmentWorksInAnyValue(t *testing.T) {
	document := `
namespace: ${NAME}
kafka: {brokers: "${BROKERS}", inputs: [{topic: "${NAME}-${NAME}"}]}
redis: {addrs: ["${HOST}:6379"]}
timer_grace: ${GRACE}
start: {accept_truncated: "${YES}"}
log: {format: '${FORMAT}'}
policy:
  name: "$${NAME} costs $5: ${ODD}"
  max_event_bytes: ${BYTES}
  rates: {USD: "${RATE}"}
  lifecycle: {loyal_orders: ${ORDERS}}
`
	c, err := parse("tidemark.yaml", []byte(document), environment(map[string]string{
		"NAME": "acme", "BROKERS": "a:1, b:2", "HOST": "r", "GRACE": "5s", "YES": "true", "FORMAT": "console",
		"ODD": "x: {y}\n# z", "BYTES": "4096", "RATE": "0.5", "ORDERS": "7",
	}))
	require.NoError(t, err)
	require.Equal(t, "acme", c.Namespace)
	require.Equal(t, []string{"a:1", "b:2"}, c.Kafka.Brokers)
	require.Equal(t, []Input{{Topic: "acme-acme"}}, c.Kafka.Inputs)
	require.Equal(t, []string{"r:6379"}, c.Redis.Addrs)
	require.Equal(t, 5*policy.Second, c.TimerGrace)
	require.True(t, c.Start.AcceptTruncated)
	require.Equal(t, "console", c.Log.Format)
	require.Equal(t, "${NAME} costs $5: x: {y}\n# z", c.Policy.Name)
	require.Equal(t, 4096, c.Policy.MaxEventBytes)
	require.Equal(t, map[string]string{"USD": "0.5"}, c.Policy.Rates)
	require.Equal(t, 7, c.Policy.Lifecycle.LoyalOrders)
}

func TestAMissingFileSaysHowToMakeOne(t *testing.T) {
	_, err := Load("testdata/none.yaml", fixtureEnvironment)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "tidemark config print > testdata/none.yaml")
}

func TestWhatIsPrintedLoadsToTheSame(t *testing.T) {
	odd := Default()
	odd.Namespace = "acme"
	odd.Kafka.Brokers = []string{"a:1", "b:2"}
	odd.Kafka.Inputs = []Input{{Topic: "null"}}
	odd.Kafka.TLS = TLS{Enabled: true, CAFile: "ca.pem", CertFile: "/etc/cert.pem", KeyFile: "../key.pem", ServerName: "kafka"}
	odd.Kafka.SASL = SASL{Mechanism: "scram-sha-256", Username: "${NO} \"name\"", Password: Secret{hidden, "${PASSWORD}"}}
	odd.Redis.Durability = "replicas:2"
	odd.Redis.Username, odd.Redis.Password = "tidemark", Secret{"a: [b", "${TEXT}"}
	odd.Redis.TLS = TLS{Enabled: true}
	odd.Redis.Mode, odd.Redis.Sentinel = "sentinel", Sentinel{Master: "main", Username: "watcher", Password: Secret{hidden, "${PASSWORD}"}}
	odd.Server.Listen = ""
	odd.TimerGrace = 250 * policy.Millisecond
	odd.Start.AcceptTruncated = true
	odd.Policy.Name = "a \"name\": with # odd\nletters and ${NO} variable"
	odd.Policy.Rates = map[string]string{"USD": "0.92", "JPY": "0.0061"}
	odd.Policy.Window = 400 * policy.Day
	for name, c := range map[string]*Config{"default": Default(), "odd": odd} {
		var out bytes.Buffer
		require.NoError(t, Print(&out, c))
		again, err := parse("printed.yaml", out.Bytes(), fixtureEnvironment)
		require.NoError(t, err, "%s:\n%s", name, &out)
		require.Equal(t, c, again, name)
	}
}

// Nothing that could be written to a log or a terminal has a secret in it.
func TestSecretsAreNotShown(t *testing.T) {
	c, err := Load("testdata/good/secured.yaml", fixtureEnvironment)
	require.NoError(t, err)
	for _, secret := range []Secret{c.Kafka.SASL.Password, c.Redis.Password, c.Redis.Sentinel.Password} {
		require.Equal(t, hidden, secret.Reveal())
		require.Equal(t, "${PASSWORD}", secret.String())
	}
	var printed bytes.Buffer
	require.NoError(t, Print(&printed, c))
	require.Contains(t, printed.String(), "    password: ${PASSWORD} ")
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	for _, text := range []string{printed.String(), string(asJSON), fmt.Sprint(c.Kafka, c.Redis), fmt.Sprintf("%+v %#v", *c, c.Redis)} {
		require.NotContains(t, text, hidden)
	}
	_, err = parse("printed.yaml", printed.Bytes(), environment(nil))
	require.ErrorContains(t, err, "kafka.sasl.password: the environment variable PASSWORD is not set")
}

func TestFilesAreMeantFromTheFolderOfTheConfiguration(t *testing.T) {
	c, err := Load("testdata/good/secured.yaml", fixtureEnvironment)
	require.NoError(t, err)
	require.Equal(t, TLS{Enabled: true, CAFile: filepath.Join("testdata", "good", "certificates", "ca.pem"), CertFile: "/etc/tidemark/cert.pem",
		KeyFile: "/etc/tidemark/key.pem", ServerName: "kafka.example"}, c.Kafka.TLS)
	require.Equal(t, TLS{Enabled: true}, c.Redis.TLS)
}

func TestDurability(t *testing.T) {
	for text, want := range map[string]struct {
		replicas int
		fsync    bool
	}{"none": {}, "fsync": {fsync: true}, "replicas:3": {replicas: 3}} {
		replicas, fsync := (&Redis{Durability: text}).Durable()
		require.Equal(t, want.replicas, replicas, text)
		require.Equal(t, want.fsync, fsync, text)
	}
}

func TestThePrintedDefaults(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Print(&out, Default()))
	want, err := os.ReadFile("testdata/good/default.yaml")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func TestEveryFieldHasAComment(t *testing.T) {
	c := Default()
	settings := append(c.settings(), policySettings(c.Policy)...)
	require.Len(t, settings, 48)
	for _, s := range settings {
		require.NotEmpty(t, s.comment, s.path)
	}
	require.Len(t, policyComments, len(policySettings(c.Policy)), "comments of fields that are gone")
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			document, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(document)
		}
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		c, err := parse("fuzzed.yaml", document, fixtureEnvironment)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		// Whatever is accepted can be printed, and means the same again.
		var out bytes.Buffer
		require.NoError(t, Print(&out, c))
		again, err := parse("printed.yaml", out.Bytes(), fixtureEnvironment)
		require.NoError(t, err, "%s", &out)
		c.PolicyFile = ""
		require.Equal(t, c, again)
	})
}
