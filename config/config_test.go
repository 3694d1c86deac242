package config

import (
	"bytes"
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

var fixtureEnvironment = environment(map[string]string{"EMPTY": "", "PORT": "9092", "NUMBER": "4", "TEXT": "a: [b"})

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
	odd.Redis.Durability = "replicas:2"
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
	require.Len(t, settings, 28)
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
