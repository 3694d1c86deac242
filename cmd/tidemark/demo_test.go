package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/demo"
	"github.com/tidemark/tidemark/pipeline/replay"
	"github.com/tidemark/tidemark/pipeline/verify"
)

func TestDemoShowsLinesWhereThereIsNoScreen(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	live, is := lines(t, "^(a day passes in a second now)")
	var stdout, stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		o := demo.Default()
		o.Proof, o.Log = 0, logger(&stderr) // however long it takes here
		result, err := show(ctx, o, true, nil, io.MultiWriter(&stdout, live))
		if err == nil {
			err = conclude(result, &stdout)
		}
		if err != nil {
			fmt.Fprintln(&stderr, err)
		}
		ended <- 0
	}()
	said(t, is, ended)
	interrupt()
	<-ended
	require.Empty(t, stderr.String())
	out := stdout.String()
	require.Contains(t, out, "starting Kafka and Redis in this process; they keep nothing\n")
	require.Contains(t, out, "working through 240 days of a simulated shop's history\n")
	require.Regexp(t, `[\d,]+ events in \d+\.\d s \([\d,]+/s\): [\d,]+ applied, \d+ without effect, \d+ dead letters\n`, out)
	require.Regexp(t, `[\d,]+ customers at the end: \d+ loyal, \d+ potential, \d+ edge, \d+ churned\n`, out)
	require.Regexp(t, `\nverified by rules written a second time, in \d+\.\d s: [\d,]+ records, [\d,]+ customers, [\d,]+ changes\n0 differences\n`, out)
	require.Contains(t, out, "Where to go next:\n  tidemark generate")

	require.Contains(t, succeed(t, nil, "demo", "--for", "10ms"), "Where to go next")
	r := tidemark(t, nil, "demo", "--for", "-1s")
	require.Equal(t, misused, r.code)
	require.Contains(t, r.stderr, "give a time from now on")
}

func TestDemoFailsWhereItsProofDoes(t *testing.T) {
	var out bytes.Buffer
	err := conclude(&demo.Result{Summary: &replay.Summary{}, Proof: &verify.Report{Namespace: "demo", Differences: 1,
		First: []verify.Difference{{Customer: "c-1", What: "the segment", Found: "edge", Expected: "loyal"}}}}, &out)
	require.ErrorContains(t, err, "namespace demo is not what its log says: 1 difference")
	require.Contains(t, out.String(), `customer "c-1": the segment`)

	out.Reset()
	require.NoError(t, conclude(&demo.Result{Summary: &replay.Summary{}, Cut: true}, &out))
	require.Contains(t, out.String(), "not verified: there was nothing yet")
	require.Contains(t, out.String(), "before it had finished")
}

func TestDemoSaysThatItCouldNotWrite(t *testing.T) {
	var stderr bytes.Buffer
	require.Equal(t, failed, run(t.Context(), []string{"demo", "--for", "10ms"}, nil, fullDisk{}, &stderr))
	require.Contains(t, stderr.String(), "writing what happens: no space left")
}
