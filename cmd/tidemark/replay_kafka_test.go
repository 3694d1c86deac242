package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReplayFromKafka(t *testing.T) {
	stored(t)
	files := func(prefix string) []string {
		return []string{"--until", "2026-04-10", "--changes", prefix + "changes", "--profiles", prefix + "profiles", "--dead-letters", prefix + "letters"}
	}
	embedded := tidemark(t, strings.NewReader(story), append([]string{"replay", "--embedded", "--input", "-"}, files("e-")...)...)
	require.Equal(t, good, embedded.code, embedded.stderr)
	kafka := tidemark(t, nil, append([]string{"replay", "-c", "here.yaml"}, files("k-")...)...)
	require.Equal(t, good, kafka.code, kafka.stderr)
	for _, file := range []string{"changes", "profiles", "letters"} {
		require.NotEmpty(t, readFile(t, "e-"+file))
		require.Equal(t, readFile(t, "e-"+file), readFile(t, "k-"+file))
	}
	_, embeddedRest, _ := strings.Cut(embedded.stdout, "): ")
	_, kafkaRest, _ := strings.Cut(kafka.stdout, "): ")
	require.Equal(t, embeddedRest, kafkaRest, "nothing is left to tell of")
}

func TestAReplayThatIsKept(t *testing.T) {
	stored(t)
	out := succeed(t, nil, "replay", "-c", "here.yaml", "--until", "2026-04-10", "--keep")
	require.Contains(t, out, "2 customers at the end: 0 loyal, 0 potential, 1 edge, 1 churned\n")
	name := regexp.MustCompile(`\nkept: tidemark export -c … --namespace (acme-replay-\S+) lists it`).FindStringSubmatch(out)[1]
	require.Contains(t, succeed(t, nil, "export", "-c", "here.yaml", "--namespace", name), `"customer_id":"c-7","lifecycle":"churned"`)
	require.Contains(t, succeed(t, nil, "export", "-c", "here.yaml"), `"customer_id":"c-7","lifecycle":"potential"`, "the live one is as it was")
	require.Contains(t, succeed(t, nil, "namespace", "inspect", "-c", "here.yaml", "--namespace", name), "namespace    "+name)

	r := tidemark(t, nil, "replay", "-c", "here.yaml", "--namespace", name)
	require.Equal(t, failed, r.code)
	require.Contains(t, r.stderr, "namespace "+name+" exists already")
	require.Contains(t, succeed(t, nil, "namespace", "delete", "-c", "here.yaml", "--namespace", name, "--name", name), "is deleted")
	require.Contains(t, succeed(t, nil, "export", "-c", "here.yaml"), "c-42")
}

func TestMisuseOfAReplayFromKafka(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "here.yaml", "namespace: acme")
	for args, says := range map[string]string{
		"replay":                                                             "say what is replayed",
		"replay -c here.yaml --input x":                                      "add --embedded",
		"replay -c here.yaml --namespace acme":                               "--namespace acme is the live one",
		"replay -c here.yaml --namespace a{b}":                               "must be 1 to 100 letters",
		"replay -c here.yaml --to-topic segment-changes":                     "is a topic of the live namespace",
		"replay -c here.yaml --to-topic purchases":                           "is a topic of the live namespace",
		"replay -c here.yaml --to-topic t --namespace n":                     "add --keep",
		"replay -c here.yaml --to-topic t --namespace n --keep --profiles p": "none has all results",
		"replay -c here.yaml --changes x --profiles x":                       "go to the same file",
		"replay --embedded --input x --keep":                                 "leave --embedded out",
		"export -c here.yaml --namespace a{b}":                               "must be 1 to 100 letters",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
		require.Empty(t, r.stdout, args)
	}
}
