package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/embedded"
)

// emptyServers are a Kafka and a Redis with nothing in them, and tidemark.yaml
// in a folder of its own says where they are.
func emptyServers(t *testing.T, topics map[string]int32) *embedded.Servers {
	servers, err := embedded.Start(embedded.Options{Topics: topics})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	t.Chdir(t.TempDir())
	writeFile(t, "tidemark.yaml", fmt.Sprintf("namespace: acme\nkafka: {brokers: [%q]}\nredis: {addrs: [%q]}\n", servers.Brokers()[0], servers.RedisAddr()))
	return servers
}

func TestTopics(t *testing.T) {
	emptyServers(t, nil)
	r := tidemark(t, nil, "topics", "-c", "tidemark.yaml")
	require.Equal(t, failed, r.code)
	require.Regexp(t, `(?m)^! purchases +partitions +missing +at least 1$`, r.stdout)
	require.Equal(t, "tidemark: a worker would refuse to start: see what is marked with ! (4)\n", r.stderr)

	text := succeed(t, nil, "topics", "-c", "tidemark.yaml", "--create", "--partitions", "6")
	require.True(t, strings.HasPrefix(text, "created clicks, purchases, segment-changes, dead-letters\n\n"), text)
	require.Regexp(t, `(?m)^  segment-changes +partitions +6 +6$`, text)
	require.NotContains(t, text, "!")

	text = succeed(t, nil, "topics", "-c", "tidemark.yaml", "--create")
	require.NotContains(t, text, "created")

	r = tidemark(t, nil, "topics", "-c", "tidemark.yaml", "--partitions", "7")
	require.Equal(t, failed, r.code)
	require.Regexp(t, `(?m)^! clicks +partitions +6 +7$`, r.stdout)
}

func TestTopicsAreNotCreatedBesideOthersOfAnotherCount(t *testing.T) {
	for name, c := range map[string]struct {
		there map[string]int32
		args  string
		says  string // empty: they are created
	}{
		"an input":         {map[string]int32{"clicks": 3}, "--partitions 6", "of 6 partitions: clicks has 3: inputs"},
		"the changes":      {map[string]int32{"segment-changes": 3}, "--partitions 6", "of 6 partitions: segment-changes has 3: inputs"},
		"each other":       {map[string]int32{"clicks": 3, "segment-changes": 4}, "", "of 4 partitions: clicks has 3: inputs"},
		"as the changes":   {map[string]int32{"segment-changes": 3}, "", ""},
		"as the input":     {map[string]int32{"purchases": 3}, "--partitions 3", ""},
		"letters have any": {map[string]int32{"dead-letters": 1}, "--partitions 3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			emptyServers(t, c.there)
			r := tidemark(t, nil, append(strings.Fields("topics -c tidemark.yaml --create"), strings.Fields(c.args)...)...)
			if c.says == "" {
				require.Contains(t, r.stdout, "created ", r.stderr)
				require.NotContains(t, r.stdout, " missing ")
				return
			}
			require.Equal(t, failed, r.code)
			require.Contains(t, r.stderr, c.says)
			r = tidemark(t, nil, "topics", "-c", "tidemark.yaml")
			require.Equal(t, 4-len(c.there), strings.Count(r.stdout, " missing "), r.stdout)
		})
	}
}

func TestTopicsMisused(t *testing.T) {
	for args, says := range map[string]string{
		"topics --partitions 0":         "give at least 1",
		"topics --partitions 99999":     "give fewer",
		"topics --replication-factor 0": "give at least 1, or -1",
		"topics purchases":              "unknown command",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
}
