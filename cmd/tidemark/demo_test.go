package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemoShowsLinesWhereThereIsNoScreen(t *testing.T) {
	out := succeed(t, nil, "demo", "--for", "2s")
	require.Contains(t, out, "starting Kafka and Redis in this process; they keep nothing\n")
	require.Contains(t, out, "working through 240 days of a simulated shop's history\n")
	require.Regexp(t, `[\d,]+ events in \d+\.\d s \([\d,]+/s\): [\d,]+ applied, \d+ without effect, \d+ dead letters\n`, out)
	require.Regexp(t, `[\d,]+ customers at the end: \d+ loyal, \d+ potential, \d+ edge, \d+ churned\n`, out)
	require.Contains(t, out, "Where to go next:\n  tidemark generate")

	r := tidemark(t, nil, "demo", "--for", "-1s")
	require.Equal(t, misused, r.code)
	require.Contains(t, r.stderr, "give a time from now on")
}

func TestDemoSaysThatItCouldNotWrite(t *testing.T) {
	var stderr bytes.Buffer
	require.Equal(t, failed, run(t.Context(), []string{"demo", "--for", "10ms"}, nil, fullDisk{}, &stderr))
	require.Contains(t, stderr.String(), "writing what happens: no space left")
}
